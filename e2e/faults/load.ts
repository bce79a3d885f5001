import type { Measurement, Prober } from '../lab/prober-client.ts';
import type { Outage, ProbeReport } from '../prober/protocol.ts';

/** A client that keeps opening connections to some addresses. */
export interface Load {
  report(options?: { reset?: boolean }): Promise<LoadReport>;
  /** The last report, when the attempts under way are over. */
  stop(): Promise<LoadReport>;
}

export interface LoadReport {
  readonly attempts: number;
  readonly failed: number;
  /** Reasons of failures and how often, by address. */
  readonly failures: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By address. */
  readonly outages: Readonly<Record<string, readonly Outage[]>>;
  readonly longestOutageMs: number;
  /** How late the prober itself was at worst. */
  readonly proberLateMs: number;
}

/** Opens a connection to port 80 of each address every `intervalMs` and expects an echo program's answer. */
export function startLoad(prober: Prober, addresses: readonly string[], intervalMs: number): Load {
  const probes = new Map<string, Measurement<ProbeReport>>(
    addresses.map((address) => [address, prober.probe({ address, port: 80, httpPath: '/', intervalMs })]),
  );
  const gather = async (read: (probe: Measurement<ProbeReport>) => Promise<ProbeReport>): Promise<LoadReport> => {
    const all = await Promise.all([...probes].map(async ([address, probe]) => [address, await read(probe)] as const));
    return sumUp(all);
  };
  return {
    report: (options) => gather((probe) => probe.report(options)),
    stop: () => gather((probe) => probe.stop()),
  };
}

function sumUp(all: readonly (readonly [string, ProbeReport])[]): LoadReport {
  const bad = all.filter(([, { failed }]) => failed > 0);
  const sum = (read: (report: ProbeReport) => number) => all.reduce((total, [, report]) => total + read(report), 0);
  const most = (read: (report: ProbeReport) => number) => Math.max(0, ...all.map(([, report]) => read(report)));
  return {
    attempts: sum(({ attempts }) => attempts),
    failed: sum(({ failed }) => failed),
    failures: Object.fromEntries(bad.map(([address, { failures }]) => [address, failures])),
    outages: Object.fromEntries(bad.map(([address, { outages }]) => [address, outages])),
    longestOutageMs: most(({ longestOutageMs }) => longestOutageMs),
    proberLateMs: most(({ proberLateMs }) => proberLateMs),
  };
}
