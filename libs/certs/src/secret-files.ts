import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readWhole, type WholeFile } from './atomic-directory.ts';
import type { WholeFiles } from './whole-files.ts';

/** How a program in a Pod speaks to its API server as the Pod's service account. */
export interface PodAccess {
  readonly server: URL;
  /** Directory with the account's `token`, `ca.crt` and `namespace`; the kubelet replaces the token now and then. */
  readonly account: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const PATIENCE_MS = 10_000;
const ATTEMPTS = 5;
const PAUSE_MS = 1_000;
const LARGEST_ANSWER = 2 << 20;

/**
 * The access that every Pod with a service account has
 * (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod). Throws outside of one.
 */
export function podAccess(environment: Readonly<Record<string, string | undefined>>): PodAccess {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) {
    throw new Error('a Secret can be used only in a Pod, and this is none: give a directory instead');
  }
  return { server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`), account: ACCOUNT };
}

/**
 * Files kept in the Secret of that name in the Pod's own namespace. The Secret must be there, empty at first; only its
 * entries of those names are touched. Throws, with what to do, when there is none or the account may not use it.
 * `mounted`: a directory where the kubelet mounts the same Secret, read while the API server is silent.
 */
export function secretFiles(access: PodAccess, name: string, mounted?: string): WholeFiles {
  const namespace = readAccountFile(access, 'namespace').trim();
  const where = `Secret ${namespace}/${name}`;
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  let seen: Secret | undefined;
  const get = async (): Promise<Secret> => (seen = await call(access, where, { method: 'GET', path }));
  return {
    where,
    shared: true,
    async read<Name extends string>(names: readonly Name[]) {
      const secret = await get().catch((error: unknown) => {
        if (error instanceof Silent && mounted !== undefined) return error;
        throw error;
      });
      if (secret instanceof Silent) return (await readWhole(mounted ?? '', names)) ?? Promise.reject(secret);
      const { data = {} } = secret;
      if (names.some((each) => data[each] === undefined)) return undefined;
      const entries = names.map((each) => [each, Buffer.from(data[each]!, 'base64')] as const);
      return Object.fromEntries(entries) as Record<Name, Buffer>;
    },
    async write(files) {
      const before = seen ?? (await get());
      const names = files.map((file) => file.name);
      for (let attempt = 1; ; attempt += 1) {
        const now = attempt === 1 ? before : await get();
        if (names.some((each) => now.data?.[each] !== before.data?.[each])) throw changed(where);
        const body = { metadata: { resourceVersion: now.metadata.resourceVersion }, data: dataOf(files) };
        try {
          seen = await call(access, where, { method: 'PATCH', path, body });
          return;
        } catch (error) {
          // Somebody labelled it, say, or a moment of silence: what is written may exist nowhere else.
          if (!(error instanceof Silent || error instanceof Conflict) || attempt === ATTEMPTS) throw error;
          if (error instanceof Silent) await sleep(PAUSE_MS);
        }
      }
    },
    // The API server has room, or says so.
    tryWriting: () => Promise.resolve(),
    async version() {
      const { metadata, data = {} } = await get();
      return Object.keys(data).length === 0 ? undefined : metadata.resourceVersion;
    },
  };
}

interface Secret {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface Call {
  readonly method: 'GET' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
}

function dataOf(files: readonly WholeFile[]): Record<string, string> {
  return Object.fromEntries(files.map(({ name, content }) => [name, Buffer.from(content).toString('base64')]));
}

function readAccountFile({ account }: PodAccess, name: string): string {
  try {
    return readFileSync(join(account, name), 'utf8');
  } catch (error) {
    throw new Error(
      `the Pod's service account cannot be read (${(error as Error).message}): let its token be mounted`,
      {
        cause: error,
      },
    );
  }
}

async function call(access: PodAccess, where: string, { method, path, body }: Call): Promise<Secret> {
  const token = (await readFile(join(access.account, 'token'), 'utf8')).trim();
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/merge-patch+json' }),
    'content-length': Buffer.byteLength(text),
  };
  const { status, answer } = await send(access, { method, path, headers }, text);
  if (status < 300) return JSON.parse(answer) as Secret;
  if (status === 409) throw new Conflict(`${where} was changed by somebody else in between`);
  if (status >= 500 || status === 429)
    throw new Silent(`the API server cannot answer for ${where} now: status ${status}`);
  throw new Error(whyNot(status, where, answer));
}

/** The API server may answer later. */
class Silent extends Error {
  override name = 'Silent';
}

class Conflict extends Error {
  override name = 'Conflict';
}

function changed(where: string): Error {
  return new Error(`${where} was written by somebody else since it was read: what is there now counts`);
}

function whyNot(status: number, where: string, answer: string): string {
  switch (status) {
    case 403:
      return `the service account may not use ${where}: give it the verbs get and patch on it, as the Helm chart does`;
    case 404:
      return `there is no ${where}: make an empty one of that name, as the Helm chart does`;
    default:
      return `the API server does not let ${where} be used: status ${status}, ${messageOf(answer)}`;
  }
}

/** Never the whole answer, which may hold what is secret. */
function messageOf(answer: string): string {
  try {
    return String((JSON.parse(answer) as { message?: unknown }).message).slice(0, 300);
  } catch {
    return 'without a word why';
  }
}

function send(
  { server, account }: PodAccess,
  options: http.RequestOptions,
  text: string,
): Promise<{ status: number; answer: string }> {
  const ca = server.protocol === 'https:' ? readFileSync(join(account, 'ca.crt')) : undefined;
  const open = server.protocol === 'https:' ? https.request : http.request;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void =>
      reject(new Silent(`the API server at ${server.host} does not answer: ${error.message}`, { cause: error }));
    const asked = open(new URL(options.path ?? '', server), { ...options, ca, agent: false, signal }, (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        length += part.length;
        if (length > LARGEST_ANSWER) asked.destroy(new Error('its answer is too long'));
        else parts.push(part);
      });
      response.on('error', failed);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, answer: Buffer.concat(parts).toString('utf8') }),
      );
    });
    asked.on('error', failed);
    asked.end(text);
  });
}
