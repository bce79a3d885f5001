import { explainFailure, type Logger } from '@fairlead/telemetry';
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { applyDocuments, type AppliedResource } from './decisions/apply-documents.ts';
import { parse } from './resources/parse.ts';
import type { SourceText } from './resources/read-yaml.ts';
import type { Violation } from './resources/violation.ts';
import type { TruthKeeper } from './truth/truth-keeper.ts';

export interface SiteFilesSettings {
  /** A YAML file, or a directory of them. */
  readonly path: string;
  readonly siteName: string;
  readonly keeper: TruthKeeper;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
  /** Told what is wrong with the files now, one sentence, or undefined when they are applied. */
  readonly onProblem: (problem: string | undefined) => void;
  /** How often the files are read even when nobody says that they changed; milliseconds. */
  readonly pollMs?: number;
}

const POLL_MS = 2_000;
/** An editor writes in several steps; milliseconds. */
const SETTLE_MS = 150;

/** The resources that files declare: applied whenever the files change; a bad edit changes nothing and is told. */
export class SiteFiles {
  readonly #settings: SiteFilesSettings;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #applied: string | undefined;
  #told = '';

  constructor(settings: SiteFilesSettings) {
    this.#settings = settings;
  }

  /** Reads and applies now; answers everything that is wrong, empty when all was taken. Never throws. */
  load(): Promise<readonly Violation[]> {
    const turn = this.#running.then(() => this.#load());
    this.#running = turn;
    return turn;
  }

  /** From now on follows the files. */
  follow(): void {
    const again = () => {
      clearTimeout(this.#settle);
      this.#settle = setTimeout(() => void this.load(), SETTLE_MS);
    };
    this.#poll = setInterval(() => void this.load(), this.#settings.pollMs ?? POLL_MS);
    try {
      this.#watcher = watch(this.#settings.path, again);
      // The path itself may be replaced; the poll goes on.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // Not every file system can be watched: the poll does it.
    }
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    await this.#running;
  }

  async #load(): Promise<readonly Violation[]> {
    const violations = await this.#tryLoad();
    this.#tell(violations);
    return violations;
  }

  async #tryLoad(): Promise<readonly Violation[]> {
    const { path, keeper, siteName, now } = this.#settings;
    try {
      const texts = await readTexts(path);
      const fingerprint = JSON.stringify(texts);
      if (fingerprint === this.#applied) return [];
      const parsing = parse(texts, (source) => source);
      if (parsing.declarations.length + parsing.violations.length === 0 && declaresAnything(keeper)) {
        return [
          about(path, 'it declares nothing any more: to give up what it declared, remove one document after the other'),
        ];
      }
      const context = { author: 'files', dryRun: false, siteName, now: now() } as const;
      const outcome = await keeper.change((truth) => applyDocuments(truth, parsing, context));
      if (!outcome.ok) return outcome.violations;
      this.#applied = fingerprint;
      this.#tellApplied(outcome.applied.filter(({ result }) => result !== 'unchanged'));
      return [];
    } catch (error) {
      return [about(path, explainFailure(error))];
    }
  }

  #tellApplied(changed: readonly AppliedResource[]): void {
    if (changed.length > 0)
      this.#settings.log.info({ audit: 'site-files-applied', changed }, 'the site files were applied');
  }

  #tell(violations: readonly Violation[]): void {
    const { log, onProblem, path } = this.#settings;
    const lines = violations.map(formatViolation);
    // What is refused because it is in use is tried again at every poll: said once.
    if (lines.join('\n') === this.#told) return;
    this.#told = lines.join('\n');
    for (const [index, line] of lines.entries()) {
      const { source, line: lineNumber } = violations[index]!;
      log.error({ source, line: lineNumber }, `${line} (the site stays as it was)`);
    }
    const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : '';
    onProblem(lines[0] === undefined ? undefined : `the site files in ${path} are not applied: ${lines[0]}${more}`);
  }
}

/** `FILE:LINE: FIELD: MESSAGE`, as editors and people read it. PURE. */
export function formatViolation({ source, line, field, message }: Violation): string {
  const where = line > 0 ? `${source}:${line}` : source;
  return [where, field, message].filter((part) => part !== '').join(': ');
}

function about(source: string, message: string): Violation {
  return { source, line: 0, field: '', message };
}

function declaresAnything({ truth }: TruthKeeper): boolean {
  return [...truth.resources.values()].some(({ declaredIn }) => declaredIn !== '');
}

/** Every YAML or JSON file, in order of name; the names that begin with a dot are a ConfigMap's own. */
async function readTexts(path: string): Promise<SourceText[]> {
  if (!(await stat(path)).isDirectory()) return [{ yaml: await readFile(path, 'utf8'), source: path }];
  const names = (await readdir(path)).filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name)).sort();
  if (names.length === 0) throw new Error('there is no .yaml, .yml or .json file in this directory: put one there');
  return Promise.all(
    names.map(async (name) => ({ yaml: await readFile(join(path, name), 'utf8'), source: join(path, name) })),
  );
}
