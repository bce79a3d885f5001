import {
  COMMON_PROFILES,
  type HaproxyConfig,
  MARKER_PLACE,
  type NodeCheckBackendKind,
  type Profile,
  profileName,
  renderConfigPieces,
  renderServiceMapPieces,
} from '@fairlead/haproxy';
import type { AddressFamily } from '@fairlead/model';
import { createHash } from 'node:crypto';
import { type Assignment, assignToFile } from '../planning/assign.ts';
import type { Observed } from '../plan.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { slotStock } from '../wanted/options.ts';

export interface HaproxySettings {
  readonly configFile: string;
  readonly mapFile: string;
  readonly statsSocket: string;
  readonly masterSocket: string;
  /** Port on loopback where caught connections enter. */
  readonly catchPort: number;
  /** Port on 127.0.0.1 where HAProxy says that it lives. */
  readonly healthPort: number;
  readonly families: readonly AddressFamily[];
  /** Empty backends kept per profile. */
  readonly slots: number;
}

export interface HaproxyFiles {
  /** The text, in parts that follow each other. */
  readonly config: readonly Buffer[];
  readonly map: readonly Buffer[];
  /** What a worker that has loaded `config` shows. */
  readonly marker: string;
}

/**
 * haproxy.cfg and its map for what is wanted; servers that run keep their names. Pauses again and again: for thousands of
 * services it takes many times as long as serving a change does.
 */
export function* haproxyFiles(
  wanted: Wanted,
  worker: Observed['worker'] | undefined,
  settings: HaproxySettings,
): Generator<void, HaproxyFiles> {
  const stock = nodeCheckStock(wanted);
  const assignment = yield* assignToFile(wanted, worker, stock);
  const peers = wanted.peers ? { peers: wanted.peers } : {};
  const config = { ...configOf(assignment, stock, settings), ...peers };
  yield;
  const [head, ...rest] = yield* inParts(renderConfigPieces(config));
  const digest = createHash('sha256');
  for (const part of [head!, ...rest]) {
    digest.update(part);
    yield;
  }
  const marker = `fairlead-${digest.digest('hex').slice(0, 16)}`;
  const marked = Buffer.from(head!.toString().replace(MARKER_PLACE, marker));
  return { config: [marked, ...rest], map: yield* inParts(renderServiceMapPieces(config.backends)), marker };
}

const PART_LENGTH = 32_768;

/** Pieces of text as fewer, larger parts in bytes; the first piece is in the first part. */
function* inParts(pieces: Iterable<string>): Generator<void, readonly Buffer[]> {
  const parts: Buffer[] = [];
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length > PART_LENGTH) {
      parts.push(Buffer.from(text));
      text = '';
    }
    yield;
  }
  return [...parts, Buffer.from(text)];
}

const LEAST_NODE_CHECKS = 256;

/** Twice what is needed, in powers of two, so that nodes may come for a long time before a reload is needed. */
function nodeCheckStock(wanted: Wanted): number {
  let stock = LEAST_NODE_CHECKS;
  while (stock < 2 * wanted.nodeChecks.size) stock *= 2;
  return stock;
}

function configOf(assignment: Assignment, stock: number, settings: HaproxySettings): HaproxyConfig {
  const services = [...assignment.services.values()];
  const profiles = new Map<string, Profile>();
  const uses = new Map<string, number>();
  for (const profile of [...COMMON_PROFILES, ...services.map((each) => each.wanted.profile)]) {
    const name = profileName(profile);
    uses.set(name, profiles.has(name) ? (uses.get(name) ?? 0) + 1 : 1);
    profiles.set(name, profile);
  }
  return {
    statsSocket: settings.statsSocket,
    mapFile: settings.mapFile,
    catchPort: settings.catchPort,
    healthPort: settings.healthPort,
    families: settings.families,
    nodeChecks: (['healthz', 'tcp'] as const).map((kind) => nodeChecksOf(kind, assignment, stock)),
    backends: services.map(({ wanted, servers }) => ({
      vip: wanted.vip,
      port: wanted.port,
      protocol: wanted.protocol,
      profile: wanted.profile,
      ...(wanted.quota ? { quota: wanted.quota } : {}),
      servers: servers.filter(({ stage }) => stage === 'serving'),
      owner: wanted.owner,
    })),
    slots: [...profiles.keys()]
      .sort()
      .map((name) => ({ profile: profiles.get(name)!, size: slotStock(name, settings.slots, uses.get(name) ?? 0) })),
  };
}

function nodeChecksOf(
  kind: NodeCheckBackendKind,
  assignment: Assignment,
  stock: number,
): HaproxyConfig['nodeChecks'][number] {
  const used = assignment.nodeChecks.filter((each) => each.check.kind === kind);
  const inUse = new Map(used.map(({ index, check }) => [index, check]));
  return { kind, size: Math.max(stock, ...[...inUse.keys()].map((index) => index + 1)), inUse };
}
