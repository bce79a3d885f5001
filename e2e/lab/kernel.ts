import { run } from './command.ts';

interface Feature {
  readonly what: string;
  /** Kernel option, and the module that may have it. */
  readonly option: string;
  readonly module: string;
  readonly script: string;
}

/** Tried one after the other in a network namespace that goes away again. */
const FEATURES: readonly Feature[] = [
  { what: 'bridges', option: 'CONFIG_BRIDGE', module: 'bridge', script: 'ip link add bridge0 type bridge' },
  { what: 'veth pairs', option: 'CONFIG_VETH', module: 'veth', script: 'ip link add veth0 type veth peer name veth1' },
  {
    what: 'nftables with TPROXY',
    option: 'CONFIG_NFT_TPROXY',
    module: 'nft_tproxy',
    script: `nft 'add table ip t; add chain ip t c { type filter hook prerouting priority -150; };
add rule ip t c tcp dport 80 tproxy to 127.0.0.1:5000'`,
  },
];

/** What this kernel lacks for a lab, one sentence each. For the inside of the lab's namespaces. */
export async function missingFeatures(): Promise<string[]> {
  const missing = await Promise.all(
    FEATURES.map(async ({ what, option, module, script }) => {
      const result = await run(['unshare', '--net', 'sh', '-ec', script]);
      if (result.code === 0) return [];
      const said = result.stderr.trim().split('\n')[0];
      return [
        `This kernel has no ${what} (${option}): try \`modprobe ${module}\` as root, or another kernel. (${said})`,
      ];
    }),
  );
  return missing.flat();
}
