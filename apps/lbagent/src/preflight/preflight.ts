/** What was seen of a machine before it serves. Plain data; what tried something says what the other side said. */
export interface Facts {
  readonly programs: readonly ProgramSeen[];
  /** Undefined: there was nothing to try it with. */
  readonly kernel?: KernelTried;
  readonly ports: readonly Tried[];
  readonly directories: readonly Tried[];
  /** The kernel has it; else IPv6 addresses are refused here, each with a word on why. */
  readonly ipv6: boolean;
  /** Of the certificate that is there, milliseconds since 1970. */
  readonly certificate?: { readonly notBefore: number; readonly notAfter: number };
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ProgramSeen {
  readonly name: string;
  /** What distributions call the package that has it. */
  readonly package: string;
  /** Undefined: there is none. */
  readonly path?: string;
  /** What it says of itself; undefined: nothing that is a version. */
  readonly version?: string;
  /** For example [2, 6]; undefined: any will do. */
  readonly atLeast?: readonly [number, number];
  /** Another one runs, and would be ended for it. */
  readonly replaces?: boolean;
  /** What cannot do without it; everything else can. Absent: nothing can. */
  readonly isFor?: string;
}

/** Each tried for real, in a way that leaves nothing behind; undefined: it works, else what was said. */
export interface KernelTried {
  readonly nftables: string | undefined;
  readonly tproxy: string | undefined;
  /** All rules together. */
  readonly ruleset: string | undefined;
  /** The same with those that send packets of running connections on: of IPv4 alone, and of IPv6 besides. */
  readonly secondChance: { readonly ipv4: string | undefined; readonly ipv6: string | undefined };
  readonly policyRouting: string | undefined;
  /** The rules that forward UDP. */
  readonly forwarding: string | undefined;
}

export interface Tried {
  /** For a person: "--catch-port 127.0.0.1:5000". */
  readonly what: string;
  /** One sentence with what to do; undefined: it works. */
  readonly trouble: string | undefined;
  readonly need: Need;
}

/**
 * What follows when it is not well. `always`: lbagent ends. `to-begin`: it ends unless haproxy serves already; what
 * serves is left alone. `little`: it is told, and that is all.
 */
export type Need = 'always' | 'to-begin' | 'little';

/** One line of the verdict. */
export interface Check {
  readonly what: string;
  /** One sentence with what to do; undefined: all is well. */
  readonly problem?: string;
  readonly need: Need;
}

/** What is wrong, each sentence once. PURE. */
export function problemsOf(checks: readonly Check[]): readonly string[] {
  return [...new Set(checks.flatMap(({ problem }) => problem ?? []))];
}

/** True when lbagent must not go on. PURE. */
export function mustEnd(checks: readonly Check[], isServing: boolean): boolean {
  return checks.some(
    ({ problem, need }) => problem !== undefined && (need === 'always' || (need === 'to-begin' && !isServing)),
  );
}

/** Everything that was looked at, in a fixed order, with what is wrong and what to do. PURE. */
export function judge(facts: Facts): readonly Check[] {
  return [
    ...facts.programs.map(judgeProgram),
    ...(facts.kernel === undefined ? [] : judgeKernel(facts.kernel, facts.ipv6)),
    ...[...facts.ports, ...facts.directories].map(({ what, trouble, need }) => checkOf(what, trouble, need)),
    ...judgeClock(facts),
    // A machine without it serves IPv4 as it should, so this is no problem by itself.
    checkOf(
      facts.ipv6 ? 'IPv6' : 'IPv6 (not in this kernel: only IPv4 addresses are served here)',
      undefined,
      'little',
    ),
  ];
}

function checkOf(what: string, problem: string | undefined, need: Need = 'to-begin'): Check {
  return problem === undefined ? { what, need } : { what, problem, need };
}

function judgeProgram({ name, package: from, path, version, atLeast, replaces = false, isFor }: ProgramSeen): Check {
  const least = atLeast?.join('.');
  const need = replaces ? 'always' : 'to-begin';
  if (path === undefined && isFor !== undefined) {
    return checkOf(
      name,
      `${name} is not there, which ${isFor} needs: install ${from}, or put it on the PATH`,
      'little',
    );
  }
  if (path === undefined) {
    const which = least === undefined ? from : `${from} ${least} or later`;
    return checkOf(name, `${name} is not there: install ${which}, or put it on the PATH`, need);
  }
  if (atLeast === undefined) return checkOf(name, undefined);
  if (version === undefined) {
    return checkOf(name, `${path} does not say that it is ${from}: install ${from} ${least} or later`, need);
  }
  const what = `${name} ${version}`;
  return checkOf(
    what,
    isAtLeast(version, atLeast) ? undefined : `${path} is ${from} ${version}, too old: install ${least} or later`,
    need,
  );
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const match = /(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  return Number(match[1]) > major || (Number(match[1]) === major && Number(match[2]) >= minor);
}

const MAY_NOT = 'this user may not change them: run lbagent as root, or give it CAP_NET_ADMIN';

function judgeKernel(tried: KernelTried, hasIpv6: boolean): Check[] {
  const { nftables, tproxy, ruleset, secondChance, policyRouting, forwarding } = tried;
  const rules = firstOf([
    [nftables, 'this kernel has no nftables', 'load the module nf_tables, or boot a kernel that has it'],
    [
      tproxy,
      'this kernel cannot catch connections (tproxy)',
      'load the module nft_tproxy, or boot a kernel that has it',
    ],
    [ruleset, "nft refuses lbagent's rules", 'install nftables 1.0 or later'],
  ]);
  const routes = firstOf([
    [policyRouting, 'this kernel has no policy routing (ip rule)', 'boot one with CONFIG_IP_MULTIPLE_TABLES'],
  ]);
  const chance = rules === undefined ? judgeSecondChance(secondChance, hasIpv6) : undefined;
  const udp = firstOf([
    [
      rules === undefined ? forwarding : undefined,
      'this kernel cannot forward UDP, so load balancers with UDP ports are refused here',
      'load the modules nft_chain_nat, nft_nat, nft_masq, nft_hash and nf_conntrack',
    ],
  ]);
  return [
    checkOf('nftables with tproxy', rules),
    checkOf('policy routing', routes),
    checkOf('connections outlive a hand-over', chance, 'little'),
    checkOf('UDP', udp, 'little'),
  ];
}

/** Where it cannot be for IPv4 it is not tried for IPv6 alone. */
function judgeSecondChance({ ipv4, ipv6 }: KernelTried['secondChance'], hasIpv6: boolean): string | undefined {
  return firstOf([
    [
      ipv4,
      'packets of running connections cannot be sent on, so those break when addresses are handed over; new ones are served as ever',
      `load the modules ${hasIpv6 ? 'nft_dup_ipv4, nft_dup_ipv6' : 'nft_dup_ipv4'} and nft_socket`,
    ],
    [
      ipv6,
      'packets of running IPv6 connections cannot be sent on, so those break when addresses are handed over; those of IPv4 outlive it, and new ones are served as ever',
      'load the module nft_dup_ipv6',
    ],
  ]);
}

type Explained = readonly [said: string | undefined, meaning: string, remedy: string];

function firstOf(tries: readonly Explained[]): string | undefined {
  const failed = tries.find(([said]) => said !== undefined);
  if (failed === undefined) return undefined;
  const [said = '', meaning, remedy] = failed;
  if (/not permitted|permission denied|must be root/i.test(said)) return `rules and routes: ${MAY_NOT}`;
  return `${meaning} (${said}): ${remedy}`;
}

function judgeClock({ certificate, now }: Facts): Check[] {
  if (certificate === undefined) return [];
  const { notBefore, notAfter } = certificate;
  const says = `the clock says ${new Date(now).toISOString()}`;
  const problem =
    now < notBefore
      ? `${says}, and the certificate begins at ${new Date(notBefore).toISOString()}: set the clock (see timedatectl)`
      : now > notAfter
        ? `${says}, and the certificate ended at ${new Date(notAfter).toISOString()}: set the clock (see timedatectl), or, when it is right, see that the cloudagent's join port can be reached`
        : undefined;
  return [checkOf('clock and certificate', problem, 'little')];
}
