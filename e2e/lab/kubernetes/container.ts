import { diskOf } from '../protocol.ts';
import type { ContainerImage } from './container-image.ts';
import type { Container, Pod } from './pod-status.ts';

/** What a container is started with besides what its Pod says. */
export interface ContainerSurroundings {
  /** The lab's host of the Pod. */
  readonly host: string;
  readonly image: ContainerImage;
  /** Directory of each volume, by its name. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The command that runs a container on its Pod's host, as a runtime would: on the image's layers, with the volumes and
 * nothing else of this machine, as the user and with the rights that the Pod says. It becomes the container's process.
 */
export function containerArgv(pod: Pod, container: Container, surroundings: ContainerSurroundings): string[] {
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script(pod, container, surroundings)];
}

function script(pod: Pod, container: Container, { host, image, volumes, environment }: ContainerSurroundings): string {
  const work = `${diskOf(host)}/containers/${container.name}`;
  const root = `${work}/root`;
  const overlay = `lowerdir=${image.layers.join(':')},upperdir=${work}/upper,workdir=${work}/work`;
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
    const source = volumes.get(name);
    if (source === undefined) throw new Error(`container ${container.name} mounts ${name}, which is no volume`);
    return { source, target: `${root}${mountPath}`, readOnly: readOnly === true };
  });
  const security = { ...pod.spec.securityContext, ...container.securityContext };
  const { runAsUser: user = 0, runAsGroup: group = user } = security;
  const groups = [
    group,
    ...(pod.spec.securityContext?.fsGroup === undefined ? [] : [pod.spec.securityContext.fsGroup]),
  ];
  return [
    `mkdir -p ${quote(work)}`,
    `mount -t tmpfs -o mode=755 container ${quote(work)}`,
    `mkdir ${quote(`${work}/upper`)} ${quote(`${work}/work`)} ${quote(root)}`,
    `mount -t overlay -o ${quote(overlay)} overlay ${quote(root)}`,
    `mkdir -p ${['/proc', '/dev'].map((path) => quote(root + path)).join(' ')}`,
    `mount --rbind /proc ${quote(`${root}/proc`)}`,
    `mount -t tmpfs -o mode=755 dev ${quote(`${root}/dev`)}`,
    `for each in null zero full random urandom; do touch ${quote(`${root}/dev`)}/$each; mount --bind /dev/$each ${quote(`${root}/dev`)}/$each; done`,
    ...mounts.flatMap(({ source, target, readOnly }) => [
      `mkdir -p ${quote(target)}`,
      `mount --bind ${quote(source)} ${quote(target)}`,
      ...(readOnly ? [`mount -o remount,bind,ro ${quote(target)}`] : []),
    ]),
    ...(security.readOnlyRootFilesystem === true ? [`mount -o remount,ro ${quote(root)}`] : []),
    // By their paths: the environment is the container's from here on.
    'env=$(command -v env) setpriv=$(command -v setpriv) chroot=$(command -v chroot)',
    [
      'exec $env -i',
      ...Object.entries(environmentOf(container, image, environment)).map(([name, value]) => quote(`${name}=${value}`)),
      '$setpriv',
      ...(security.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
      `$chroot --userspec=${user}:${group} --groups=${groups.join(',')} ${quote(root)}`,
      ...argvOf(container, image).map(quote),
    ].join(' '),
  ].join('\n');
}

/** https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/#notes */
function argvOf({ command, args }: Container, image: ContainerImage): readonly string[] {
  if (command) return [...command, ...(args ?? [])];
  return [...image.entrypoint, ...(args ?? image.command)];
}

function environmentOf(
  { env = [] }: Container,
  image: ContainerImage,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...image.environment, ...given, ...Object.fromEntries(env.map(({ name, value = '' }) => [name, value])) };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
