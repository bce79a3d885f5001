import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Machines, openMachines } from '../lab/machines.ts';
import { ensureParts } from '../lab/parts.ts';
import type { NeededProgram } from '../lab/parts/needed.ts';

const NEEDED: readonly NeededProgram[] = [
  { program: 'buildah', package: 'buildah' },
  { program: 'podman', package: 'podman' },
  { program: 'conmon', package: 'conmon' },
  { program: 'crun', package: 'crun' },
  { program: 'ip', package: 'iproute2' },
];

const HOST = 'builder';

/** What the tools write to this machine's own places stays in the lab; crun is spared a mixture of cgroup versions. */
const ALONE = `
for each in /etc /var/lib; do
  own=/run/own$each
  mkdir -p $own/upper $own/work
  mount -t overlay -o lowerdir=$each,upperdir=$own/upper,workdir=$own/work overlay $each
done
umount /sys/fs/cgroup/unified 2>/dev/null || true`;

/** A host of a lab with real container tools, whose storage and settings are its own: all of it goes with the lab. */
export class ContainerHost {
  readonly #machines: Machines;
  readonly #bin: string;
  readonly #storage: readonly string[];
  readonly #policy: string;

  private constructor(machines: Machines, bin: string) {
    this.#machines = machines;
    this.#bin = bin;
    const directory = join(machines.directory, 'containers');
    mkdirSync(directory);
    this.#storage = ['--root', join(directory, 'root'), '--runroot', '/run/containers', '--storage-driver', 'overlay'];
    this.#policy = join(directory, 'policy.json');
    writeFileSync(this.#policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  }

  static async start(): Promise<ContainerHost> {
    const { bin } = await ensureParts({ needed: NEEDED });
    const path = `${bin}:${process.env['PATH'] ?? ''}`;
    const machines = await openMachines({
      name: `images-${process.pid}`,
      bound: true,
      wireAddress: '10.9.0.1/16',
      path,
    });
    await machines.addHost({ name: HOST, address: '10.9.0.2/16' });
    await machines.must(HOST, ['sh', '-ec', ALONE]);
    return new ContainerHost(machines, bin);
  }

  /** Throws, with what was said, unless the code is 0. Returns standard output. */
  podman(argv: readonly string[]): Promise<string> {
    const tools = ['--runtime', `${this.#bin}/crun`, '--conmon', `${this.#bin}/conmon`, '--cgroup-manager', 'cgroupfs'];
    const places = ['--tmpdir', '/run/libpod', '--network-config-dir', '/run/networks'];
    return this.#must(['podman', ...this.#storage, ...tools, ...places, ...argv]);
  }

  /** What is to be given to `podman run` where a user may not set everything: no cgroups, small limits. */
  get runFlags(): readonly string[] {
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
    return ['--signature-policy', this.#policy, '--cgroups=disabled', '--network=none', ...limits];
  }

  load(archive: string): Promise<string> {
    return this.podman(['load', '--signature-policy', this.#policy, '--input', archive]);
  }

  buildah(argv: readonly string[]): Promise<string> {
    return this.#must(['buildah', ...this.#storage, ...argv]);
  }

  /** Builds from a Dockerfile in the directory. */
  build(directory: string, target: string, name: string): Promise<string> {
    const flags = ['--signature-policy', this.#policy, '--isolation=chroot', '--quiet', '--target', target];
    return this.buildah(['bud', ...flags, '--tag', name, directory]);
  }

  down(): Promise<void> {
    return this.#machines.down();
  }

  #must(argv: readonly string[]): Promise<string> {
    return this.#machines.must(HOST, argv, { timeout: 180_000 });
  }
}
