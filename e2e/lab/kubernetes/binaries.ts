import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from '../command.ts';

export const KUBERNETES_VERSION = 'v1.36.2';

/** Program to the Go package that it is built from. */
const PACKAGES = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
} as const;

const NAMES = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[];

/** A directory with etcd, kube-apiserver, kube-controller-manager, kube-proxy and kubectl. */
export interface KubernetesBinaries {
  readonly bin: string;
}

/**
 * The binaries that are there already: where KUBEBUILDER_ASSETS says, in /usr/local/kubebuilder/bin, or in our cache;
 * undefined when none of these has all five.
 */
export function findKubernetes(env: NodeJS.ProcessEnv = process.env): KubernetesBinaries | undefined {
  const places = [env['KUBEBUILDER_ASSETS'], '/usr/local/kubebuilder/bin', join(cacheOf(env), 'bin')];
  const bin = places.find((place) => place && NAMES.every((name) => isExecutable(join(place, name))));
  return bin === undefined ? undefined : { bin: resolve(bin) };
}

/** Finds the binaries, or builds them once with the Go toolchain (some minutes), telling how it goes on stderr. */
export async function ensureKubernetes(env: NodeJS.ProcessEnv = process.env): Promise<KubernetesBinaries> {
  const found = findKubernetes(env);
  if (found) return found;
  const obstacle = await cannotBuild(env);
  if (obstacle !== undefined) {
    throw new Error(
      `The Kubernetes ${KUBERNETES_VERSION} binaries (${NAMES.join(', ')}) are not here and cannot be built: ${obstacle}. ` +
        `Install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a directory that holds all five.`,
    );
  }
  await build(cacheOf(env), env);
  return { bin: join(cacheOf(env), 'bin') };
}

/** Why `ensureKubernetes` could not build, or undefined when it could. */
export async function cannotBuild(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const version = await run(['go', 'env', 'GOVERSION'], { env }).catch(() => undefined);
  const match = /^go(\d+)\.(\d+)/.exec(version?.stdout ?? '');
  if (!match) return 'there is no Go toolchain in the PATH';
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 1 || minor >= 26 ? undefined : `Go ${major}.${minor} is too old`;
}

async function build(cache: string, env: NodeJS.ProcessEnv): Promise<void> {
  const partial = join(cache, `partial-${process.pid}`);
  mkdirSync(partial, { recursive: true });
  try {
    for (const [index, name] of NAMES.entries()) {
      console.error(
        `Building ${name} ${KUBERNETES_VERSION} (${index + 1} of ${NAMES.length}, once; some minutes in all) …`,
      );
      await goBuild(PACKAGES[name], join(partial, name), env);
    }
    if (!existsSync(join(cache, 'bin'))) renameSync(partial, join(cache, 'bin'));
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function goBuild(pkg: string, output: string, env: NodeJS.ProcessEnv): Promise<void> {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION)!;
  const stamps = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) => [
    `-X ${path}.gitVersion=${KUBERNETES_VERSION}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
  const child = spawn('go', ['build', '-trimpath', '-ldflags', ['-s -w', ...stamps].join(' '), '-o', output, pkg], {
    cwd: resolve(import.meta.dirname, '../../kube'),
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
    stdio: ['ignore', 2, 2],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`go build ${pkg} ended with code ${code}`))));
  });
}

function cacheOf(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fairlead', 'kube', KUBERNETES_VERSION);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
