import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ApiClient, type KubeObject, statusOf } from './api-client.ts';
import type { Pod, ProjectedSource, Volume } from './pod-status.ts';

interface KeyToPath {
  readonly key: string;
  readonly path: string;
}

interface Entries extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Files of a volume by their path in it. */
type Files = ReadonlyMap<string, Buffer>;

const READ_ONLY = 0o440;

/** The volumes of one Pod, as directories of this machine: what the kubelet makes of them. */
export class PodVolumes {
  readonly #pod: Pod;
  readonly #api: ApiClient;
  readonly #directory: string;
  readonly #shown = new Map<string, string>();
  #turn = 0;

  constructor(pod: Pod, api: ApiClient, directory: string) {
    this.#pod = pod;
    this.#api = api;
    this.#directory = join(directory, pod.metadata.uid);
  }

  /** The directory of each volume; throws as long as something that they need is not there. */
  async mount(): Promise<ReadonlyMap<string, string>> {
    const mounted = new Map<string, string>();
    for (const volume of this.#pod.spec.volumes ?? []) mounted.set(volume.name, await this.#mountOne(volume));
    return mounted;
  }

  /** Shows what Secrets and ConfigMaps hold now, each all at once. */
  async refresh(): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) {
      if (volume.secret || volume.configMap) await this.#mountOne(volume);
    }
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #mountOne(volume: Volume): Promise<string> {
    const path = join(this.#directory, volume.name);
    if (volume.persistentVolumeClaim) return this.#claimed(volume.persistentVolumeClaim.claimName);
    mkdirSync(path, { recursive: true });
    if (volume.emptyDir) this.#own(path, 0o777);
    else this.#show(path, volume, await this.#filesOf(volume));
    return path;
  }

  async #filesOf({ name, secret, configMap, projected }: Volume): Promise<Files> {
    if (secret) return this.#entries('secrets', { ...secret, name: secret.secretName });
    if (configMap) return this.#entries('configmaps', configMap);
    if (!projected) throw new Error(`volume ${name} is of a kind that the lab does not know`);
    const parts = await Promise.all(projected.sources.map((source) => this.#projected(source)));
    return new Map(parts.flatMap((part) => [...part]));
  }

  async #entries(
    kind: 'secrets' | 'configmaps',
    from: { readonly name: string; readonly items?: readonly KeyToPath[]; readonly optional?: boolean },
  ): Promise<Files> {
    const { namespace } = this.#pod.metadata;
    const found = await this.#api
      .call<Entries>('GET', `/api/v1/namespaces/${namespace}/${kind}/${from.name}`)
      .catch((error: unknown) => {
        if (statusOf(error) === 404 && from.optional === true) return undefined;
        throw error;
      });
    if (found === undefined) return new Map();
    const data = found.data ?? {};
    const items = from.items ?? Object.keys(data).map((key) => ({ key, path: key }));
    return new Map(
      items.map(({ key, path }) => {
        if (data[key] === undefined) throw new Error(`${kind} ${from.name} has no entry ${key}`);
        return [path, Buffer.from(data[key], kind === 'secrets' ? 'base64' : 'utf8')] as const;
      }),
    );
  }

  async #projected(source: ProjectedSource): Promise<Files> {
    const { namespace } = this.#pod.metadata;
    if (source.configMap) return this.#entries('configmaps', source.configMap);
    if (source.serviceAccountToken) {
      return new Map([[source.serviceAccountToken.path, Buffer.from(await this.#token(source.serviceAccountToken))]]);
    }
    // The one field that the account's own volume has.
    return new Map((source.downwardAPI?.items ?? []).map(({ path }) => [path, Buffer.from(namespace)]));
  }

  /** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
  async #token(wish: { readonly expirationSeconds?: number; readonly audience?: string }): Promise<string> {
    const { name, namespace, uid } = this.#pod.metadata;
    const account = this.#pod.spec.serviceAccountName ?? 'default';
    const answer = await this.#api.call<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: wish.audience === undefined ? [] : [wish.audience],
          expirationSeconds: wish.expirationSeconds ?? 3600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    );
    return answer.status.token;
  }

  /** The directory of the local volume that the claim is bound to. */
  async #claimed(claim: string): Promise<string> {
    const { namespace } = this.#pod.metadata;
    const { spec } = await this.#api.call<{ spec: { volumeName?: string } }>(
      'GET',
      `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`,
    );
    if (spec.volumeName === undefined) throw new Error(`claim ${claim} is bound to no volume yet`);
    const volume = await this.#api.call<{ spec: { local?: { path: string } } }>(
      'GET',
      `/api/v1/persistentvolumes/${spec.volumeName}`,
    );
    if (!volume.spec.local) throw new Error(`volume ${spec.volumeName} is not a local one`);
    mkdirSync(volume.spec.local.path, { recursive: true });
    this.#own(volume.spec.local.path, 0o2770);
    return volume.spec.local.path;
  }

  /** One renamed link makes all files of the volume new at once, as the kubelet's atomic writer does. */
  #show(path: string, { name, secret, configMap }: Volume, files: Files): void {
    const fingerprint = JSON.stringify([...files].map(([file, content]) => [file, content.toString('base64')]));
    if (this.#shown.get(name) === fingerprint) return;
    this.#shown.set(name, fingerprint);
    const version = `..${(this.#turn += 1)}`;
    mkdirSync(join(path, version));
    this.#own(join(path, version), 0o750);
    this.#own(path, 0o750);
    for (const [file, content] of files) {
      mkdirSync(dirname(join(path, version, file)), { recursive: true });
      writeFileSync(join(path, version, file), content);
      this.#own(join(path, version, file), (secret ?? configMap)?.defaultMode ?? READ_ONLY);
    }
    symlinkSync(version, join(path, '..next'));
    renameSync(join(path, '..next'), join(path, '..data'));
    for (const file of files.keys()) {
      rmSync(join(path, file), { force: true });
      symlinkSync(join('..data', file), join(path, file));
    }
  }

  /** Root's, and of the Pod's group. */
  #own(path: string, mode: number): void {
    chownSync(path, 0, this.#pod.spec.securityContext?.fsGroup ?? 0);
    chmodSync(path, mode);
  }
}
