import type { Lab } from '../../e2e/lab/lab.ts';
import { eventually } from '../../e2e/tests/eventually.ts';
import type { Fault, Pair } from './pair.ts';
import { CHECK_SCRIPT, type PlainMachine, renderPlainHaproxy, renderPlainKeepalived } from './plain-config.ts';

const MACHINES: readonly PlainMachine[] = [
  { name: 'plain-1', address: '10.9.3.1', priority: 200 },
  { name: 'plain-2', address: '10.9.3.2', priority: 100 },
];

/** Two more machines in a lab, with its nodes behind them; resolves when one of them owns the addresses. */
export async function startPlainPair(lab: Lab, count: number): Promise<Pair> {
  const vips = Array.from(
    { length: count },
    (_, index) => `10.9.${120 + Math.floor(index / 250)}.${1 + (index % 250)}`,
  );
  for (const machine of MACHINES) await startMachine(lab, machine, vips);
  const owner = async () => {
    const links = await Promise.all(
      MACHINES.map(({ name }) => lab.must(name, ['ip', '-o', 'address', 'show', 'eth0'])),
    );
    // The last one that keepalived adds.
    const owners = MACHINES.filter((_, index) => links[index]!.includes(` ${vips.at(-1)}/`));
    if (owners.length !== 1) throw new Error(`${owners.length} machines own the addresses`);
    return owners[0]!.name;
  };
  await eventually(owner, 60);
  return {
    vips,
    owner,
    async strike(fault: Fault, machine: string) {
      if (fault === 'machine lost') await lab.cut(machine);
      else if (fault === 'haproxy killed') await lab.kill(machine, 'haproxy', 'KILL');
      else await lab.kill(machine, 'keepalived-unit', 'TERM');
    },
    async mend(fault: Fault, machine: string) {
      if (fault === 'machine lost') await lab.heal(machine);
      else if (fault === 'stopped') await eventually(() => lab.start(machine, 'keepalived-unit'));
    },
  };
}

async function startMachine(lab: Lab, machine: PlainMachine, vips: readonly string[]): Promise<void> {
  const { name } = machine;
  const disk = `/run/lab/${name}`;
  await lab.addHost({ name, address: `${machine.address}/16`, sysctls: { 'net.ipv4.ip_nonlocal_bind': '1' } });
  const nodes = lab.site.nodes.map(({ address }) => address);
  await lab.writeFile(name, '/etc/haproxy.cfg', renderPlainHaproxy(vips, nodes, lab.site.echo.http));
  await lab.writeFile(name, '/etc/check.sh', CHECK_SCRIPT, 0o755);
  await lab.writeFile(name, '/etc/keepalived.conf', renderPlainKeepalived(machine, vips, `${disk}/etc/check.sh`));
  // As the packaged unit does it: again 100 ms after it ended.
  const again = `while :; do haproxy -W -f ${disk}/etc/haproxy.cfg; sleep 0.1; done`;
  const answers = ['bash', '-c', '</dev/tcp/127.0.0.1/5001'];
  await lab.run({
    host: name,
    name: 'haproxy-unit',
    argv: ['sh', '-c', again],
    ready: { kind: 'command', argv: answers },
  });
  const files = ['-f', `${disk}/etc/keepalived.conf`, '-p', `${disk}/run/k.pid`, '-r', `${disk}/run/v.pid`];
  await lab.run({
    host: name,
    name: 'keepalived-unit',
    argv: ['sh', '-c', 'exec keepalived --vrrp --dont-fork --log-console "$@"', 'unit', ...files],
  });
}
