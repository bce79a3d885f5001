import { X509Certificate } from 'node:crypto';
import type { Lab } from '../lab/lab.ts';
import { diskOf } from '../lab/protocol.ts';
import { PORTS } from '../lab/site/apps.ts';
import type { SiteHost } from '../lab/site/plan.ts';

/** What a program of the lab logs when it has its next certificate. */
const RENEWED = new Set(['certificate renewed', 'own certificate renewed']);

export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly component: string;
  readonly msg: string;
  readonly serial?: string;
}

/** Lines that our own programs have logged, by `HOST/PROGRAM`; of each the last mebibytes. */
export async function ourLogs(lab: Lab): Promise<ReadonlyMap<string, readonly LogLine[]>> {
  const logs = await lab.logs(undefined, 8 << 20);
  const ours = logs.filter(({ name }) => /^(cloudagent|lbagent|controller-\d+)$/.test(name));
  return new Map(ours.map(({ host, name, text }) => [`${host}/${name}`, text.split('\n').flatMap(parse)]));
}

function parse(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return [];
  }
}

/** Serials of the certificates that each program has taken up, oldest first. */
export function serialsIn(lines: readonly LogLine[]): string[] {
  return lines.flatMap(({ msg, serial }) => (RENEWED.has(msg) && serial !== undefined ? [serial] : []));
}

/** Serial of the certificate in a PEM file's text, as the logs write it. */
export function serialOfPem(pem: string): string {
  return plain(new X509Certificate(pem).serialNumber);
}

/** Serial of the certificate that a machine, or the cloudagent, shows who connects now. */
export async function shownSerial(lab: Lab, host: SiteHost): Promise<string> {
  const port = host.name === lab.site.cloudagent.name ? PORTS.control : PORTS.lbagent;
  const script = `
    const socket = require('node:tls').connect({ host: '${host.address}', port: ${port}, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      console.log(socket.getPeerCertificate().serialNumber);
      process.exit(0);
    });`;
  return plain((await lab.must(lab.site.control.name, [process.execPath, '-e', script])).trim());
}

/** As bytes: OpenSSL leaves out a leading zero now and then. */
function plain(serial: string): string {
  return serial.toLowerCase().padStart(32, '0');
}

/** Files on a host's disk that have a private key of Fairlead's in them, by path from there. */
export async function keyFiles(lab: Lab, host: string): Promise<string[]> {
  const disk = diskOf(host);
  const { stdout } = await lab.exec(host, ['grep', '-rlaE', 'PRIVATE KEY', disk]);
  const paths = stdout.split('\n').filter((path) => path !== '');
  return paths.map((path) => path.slice(disk.length)).filter((path) => !path.startsWith('/etc/kubernetes/'));
}

/** The hosts on whose disks the text of this private key is. */
export async function hostsWithKey(lab: Lab, hosts: readonly string[], pem: string): Promise<string[]> {
  const body = pem.split('\n')[1]!;
  const found = await Promise.all(
    hosts.map(async (host) => (await lab.exec(host, ['grep', '-rqaF', body, diskOf(host)])).code === 0),
  );
  return hosts.filter((_, index) => found[index]);
}
