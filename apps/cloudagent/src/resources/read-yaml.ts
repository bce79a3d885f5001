import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Node } from 'yaml';
import type { Json } from './types.ts';
import { formatPath } from './violation.ts';
import type { Path, Violation } from './violation.ts';

export interface SourceText {
  readonly yaml: string;
  /** File name or `stdin`. */
  readonly source: string;
}

/** One YAML document as plain data that remembers where each part of it stands. */
export interface Read {
  readonly value: Json;
  readonly source: string;
  /** 1-based line of the field, or of the nearest part around it that was written. */
  readonly lineOf: (path: Path) => number;
}

const MAX_CHARACTERS = 1 << 20;
/** Parts in one document after its aliases are written out: what stops "billion laughs". */
const MAX_PARTS = 100_000;
const MAX_DEPTH = 32;

/** Reads YAML text of any origin. Never throws; empty documents are left out. */
export function readYaml({ yaml, source }: SourceText): { documents: Read[]; violations: Violation[] } {
  if (yaml.length > MAX_CHARACTERS) {
    const message = `this file has more than ${MAX_CHARACTERS} characters: split it into several`;
    return { documents: [], violations: [{ source, line: 0, field: '', message }] };
  }
  try {
    return readDocuments(yaml, source);
  } catch (error) {
    // The parser recurses: text that is nested some thousand levels deep ends here.
    const why = error instanceof Error ? error.message : 'unknown error';
    return {
      documents: [],
      violations: [{ source, line: 0, field: '', message: `this is not YAML that can be read: ${why}` }],
    };
  }
}

function readDocuments(yaml: string, source: string): { documents: Read[]; violations: Violation[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(yaml, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: false });
  const documents: Read[] = [];
  const violations: Violation[] = [];
  for (const document of parsed) {
    const problems = [...document.errors, ...document.warnings].map((problem) => ({
      source,
      line: lines.linePos(problem.pos[0]).line,
      field: '',
      message: `this is not valid YAML: ${problem.message.replaceAll(/\s+/g, ' ')}`,
    }));
    violations.push(...problems);
    if (problems.length > 0 || document.contents === null) continue;
    const reader = new Reader(lines);
    const value = reader.read(document.contents, [], 0);
    for (const { path, message } of reader.problems) {
      violations.push({ source, line: reader.lineOf(path), field: formatPath(path), message });
    }
    if (reader.problems.length === 0 && value !== null) {
      documents.push({ value, source, lineOf: (path) => reader.lineOf(path) });
    }
  }
  return { documents, violations };
}

class Reader {
  readonly problems: { path: Path; message: string }[] = [];
  readonly #lines: LineCounter;
  /** In the order of reading, which is that of the text: an alias means the last one before it. */
  readonly #anchors = new Map<string, Node>();
  readonly #lineByPath = new Map<string, number>();
  #parts = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  lineOf(path: Path): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const line = this.#lineByPath.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 0;
  }

  read(node: unknown, path: Path, depth: number): Json {
    this.#parts += 1;
    if (this.#parts === MAX_PARTS)
      this.#problem(path, `this document has more than ${MAX_PARTS} parts: make it smaller`);
    if (this.#parts >= MAX_PARTS) return null;
    if (depth > MAX_DEPTH)
      return this.#problem(path, `this is nested deeper than ${MAX_DEPTH} levels: nothing here needs that`);
    const value = this.#readParts(node, path, depth);
    // Only now: no anchor means itself, and what an alias stands for is reported where the alias stands.
    if (isNode(node) && 'anchor' in node && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    this.#remember(path, node);
    return value;
  }

  #readParts(node: unknown, path: Path, depth: number): Json {
    if (isMap(node)) return this.#readMap(node.items, path, depth);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index], depth + 1));
    if (isScalar(node)) return this.#readScalar(node.value, path);
    if (!isAlias(node)) return null;
    const target = this.#anchors.get(node.source);
    if (target !== undefined) return this.read(target, path, depth + 1);
    return this.#problem(path, `there is no anchor &${node.source.slice(0, 64)} before this`);
  }

  #readMap(items: readonly { key: unknown; value: unknown }[], path: Path, depth: number): Json {
    const entries: [string, Json][] = [];
    for (const { key, value } of items) {
      const name = isScalar(key) ? key.value : key;
      if (typeof name !== 'string' || name === '__proto__') {
        this.#problem(path, 'a field name here is not plain text: put it in quotes');
        continue;
      }
      const inner = [...path, name];
      entries.push([name, this.read(value, inner, depth + 1)]);
      this.#remember(inner, key);
    }
    return Object.fromEntries(entries);
  }

  #readScalar(value: unknown, path: Path): Json {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.#problem(path, 'this value is neither text, a number nor true or false: put it in quotes');
  }

  #problem(path: Path, message: string): null {
    if (this.problems.length < 20) this.problems.push({ path, message });
    return null;
  }

  #remember(path: Path, node: unknown): void {
    const start = (node as Node | undefined)?.range?.[0];
    if (start !== undefined) this.#lineByPath.set(JSON.stringify(path), this.#lines.linePos(start).line);
  }
}
