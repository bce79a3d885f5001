import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/** What every program that runs as a service may import. */
const SERVICE = ['libs/certs', 'libs/rpc', 'libs/control-loop', 'libs/flags', 'libs/telemetry'];

/** Who may import whom, by folder. Everybody may import what is listed and nothing else of ours. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'libs/model': [],
  'libs/control-loop': [],
  'libs/telemetry': [],
  'libs/testing': [],
  'libs/ipam': ['libs/model'],
  'libs/haproxy': ['libs/model'],
  'libs/certs': ['libs/model'],
  'libs/rpc': ['libs/model', 'libs/certs', 'libs/telemetry'],
  'libs/flags': ['libs/certs', 'libs/telemetry'],
  'apps/controller': ['libs/model', ...SERVICE],
  'apps/cloudagent': ['libs/model', 'libs/ipam', ...SERVICE],
  'apps/lbagent': ['libs/model', 'libs/haproxy', ...SERVICE],
  'apps/cli': ['libs/model', 'libs/certs', 'libs/rpc', 'libs/control-loop', 'libs/telemetry'],
  // The lab starts the real programs; it never imports them.
  e2e: ['libs/model', 'libs/rpc', 'libs/certs', 'packaging', 'tools'],
  bench: ['libs/model', 'libs/haproxy', 'libs/rpc', 'libs/certs', 'e2e', 'tools'],
  packaging: ['tools'],
  tools: [],
};

/** What tests of every part may use, and nobody else. */
const TEST_LIB = 'libs/testing';

/** Packages that belong to one part alone. */
const RESERVED: Readonly<Record<string, readonly string[]>> = {
  '@kubernetes/client-node': ['apps/controller', 'e2e', 'bench'],
  'node-forge': ['libs/certs'],
  'nice-grpc': ['libs/rpc'],
  '@grpc/grpc-js': ['libs/rpc', 'libs/certs'],
};

/** Decisions: functions of plain data, with no effect, clock, environment or randomness. */
const PURE: readonly RegExp[] = [
  /^libs\/(model|ipam)\/src\//,
  /^libs\/haproxy\/src\/(render|names|rendezvous|profile|server-l)[^/]*\.ts$/,
  /^libs\/certs\/src\/(renewal|identity|chain)\.ts$/,
  /^apps\/[^/]+\/src\/(plan|desired|status|authorise)\.ts$/,
  /^apps\/[^/]+\/src\/(.*\/)?render[^/]*\.ts$/,
  /^apps\/cloudagent\/src\/(backends|equal)\.ts$/,
  /^apps\/cloudagent\/src\/decisions\//,
  /^apps\/cloudagent\/src\/machines\/(plan-diff|push-decision|connection-problem)\.ts$/,
  /^apps\/cloudagent\/src\/operators\/(findings|pool-usage)\.ts$/,
  /^apps\/cloudagent\/src\/resources\/(?!parse)[^/]*\.ts$/,
  /^apps\/cloudagent\/src\/truth\/(?!truth-keeper)[^/]*\.ts$/,
  /^apps\/controller\/src\/(annotations|wanted)\//,
  /^apps\/controller\/src\/(events\/announce|leadership\/leadership)\.ts$/,
  /^apps\/lbagent\/src\/(planning|wanted)\//,
  /^apps\/lbagent\/src\/draining\/(drain-rules|draining)\.ts$/,
  /^apps\/lbagent\/src\/forwarding\/(base|buckets|conntrack|families|parse)\.ts$/,
  /^apps\/lbagent\/src\/(haproxy\/commands|keepalived\/trouble|links\/pod-routes|node-checks\/choice|ownership\/network-judgement|pace\/next-look)\.ts$/,
  /^apps\/cli\/src\/print\//,
  /^bench\/(statistics|judge|report\/[^/]+|load\/output|service\/(spans|proc-text|services))\.ts$/,
  /^e2e\/oracle\/(judge|read|endpoints|violation|observation)[^/]*\.ts$/,
];

const IMPURE_PACKAGES = ['@kubernetes/client-node', 'nice-grpc', '@grpc/grpc-js', 'pino', 'prom-client'];
const IMPURE_EXPRESSIONS =
  /\b(Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|process\.(env|hrtime|argv)|setTimeout\(|setInterval\()/;

/**
 * Every import under `root` that crosses a boundary, and every effect in a PURE file; one sentence each.
 * Tests may import more packages, but no app and no lib that their folder may not.
 */
export function findViolations(root: string): string[] {
  return sources(root).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return [...importViolations(root, file, text), ...purityViolations(file, text)];
  });
}

function importViolations(root: string, file: string, text: string): string[] {
  const home = folderOf(file);
  const allowed = MAY_IMPORT[home];
  if (allowed === undefined) return [`${file}: ${home} has no line in tools/boundaries.ts: say what it may import`];
  return importsOf(text).flatMap((specifier) => {
    const target = targetFolder(root, file, specifier);
    if (target !== undefined) {
      if (target === home || allowed.includes(target) || (target === TEST_LIB && isTest(file))) return [];
      return [`${file} imports ${specifier}: ${home} may import only ${allowed.join(', ') || 'nothing of ours'}`];
    }
    const owners = RESERVED[specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')];
    if (owners === undefined || owners.includes(home) || isTest(file)) return [];
    return [`${file} imports ${specifier}: only ${owners.join(' and ')} may`];
  });
}

function purityViolations(file: string, text: string): string[] {
  if (isTest(file) || !PURE.some((pattern) => pattern.test(file))) return [];
  const effects = importsOf(text)
    .filter((name) => name.startsWith('node:') || builtinModules.includes(name) || IMPURE_PACKAGES.includes(name))
    .map((name) => `${file} is pure and imports ${name}: pass what it needs as an argument`);
  const match = IMPURE_EXPRESSIONS.exec(text);
  return match ? [...effects, `${file} is pure and uses ${match[1]}: pass what it needs as an argument`] : effects;
}

function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((imported) => imported.fileName);
}

/** The folder of ours that an import leads to, or undefined for a package or a built-in module. */
function targetFolder(root: string, file: string, specifier: string): string | undefined {
  if (specifier.startsWith('@fairlead/')) {
    const name = specifier.split('/')[1]!;
    return `libs/${name}` in MAY_IMPORT ? `libs/${name}` : `apps/${name}`;
  }
  if (!specifier.startsWith('.')) return undefined;
  return folderOf(relative(root, resolve(root, dirname(file), specifier)));
}

function folderOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'libs' || parts[0] === 'apps' ? parts.slice(0, 2).join('/') : parts[0]!;
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || /\/(test|testing)\//.test(file);
}

function sources(root: string): string[] {
  return ['libs', 'apps', 'e2e', 'bench', 'packaging', 'tools'].flatMap((folder) => walk(root, folder));
}

function walk(root: string, folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ['node_modules', 'dist', 'gen'].includes(entry.name) ? [] : walk(root, path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

if (import.meta.main) {
  const violations = findViolations(resolve(import.meta.dirname, '..'));
  for (const violation of violations) console.error(violation);
  process.exit(violations.length > 0 ? 1 : 0);
}
