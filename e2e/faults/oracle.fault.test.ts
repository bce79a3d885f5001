import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { diskOf } from '../lab/protocol.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { judge } from '../oracle/judge.ts';
import { observe } from '../oracle/observe.ts';
import type { Rule } from '../oracle/violation.ts';
import { ownersOf } from '../tests/machines.ts';

let lab: Lab;
let vip: string;
beforeAll(async () => {
  lab = await startLab({ name: `oracle-${process.pid}`, staticLoadBalancers: ['web', 'other'] });
  const { site } = await expectHolds(lab, { seconds: 30 });
  vip = site.loadBalancers.find(({ name }) => name === 'web')!.addresses[0]!;
});
afterAll(async () => {
  await lab?.down();
});

interface Fault {
  readonly what: string;
  readonly on: 'owner' | 'standby';
  /** For `sh -c`. */
  readonly script: (vip: string) => string;
  readonly rule: Rule;
  readonly told: (vip: string) => string;
}

const ELEMENT = 'element inet fairlead tcp4';
const RUNTIME = (command: string) =>
  `node -e '
const socket = require("node:net").connect("/run/fairlead/haproxy.sock");
socket.end("${command}\\n"); socket.resume();
'`.replace('node -e', `${process.execPath} -e`);

const FAULTS: readonly Fault[] = [
  {
    what: 'an address is taken off its owner',
    on: 'owner',
    script: (address) => `ip address delete ${address}/32 dev eth0`,
    rule: 'not-one-owner',
    told: (address) => `${address} of web is on no machine.`,
  },
  {
    what: 'an address is on another machine too',
    on: 'standby',
    script: (address) => `ip address add ${address}/32 dev eth0 metric 46130`,
    rule: 'not-one-owner',
    told: (address) => `${address} of web is on lb-1 and lb-2.`,
  },
  {
    what: 'there is an address on a link that nobody asked for',
    on: 'standby',
    script: () => 'ip address add 10.9.100.199/32 dev eth0 metric 46130',
    rule: 'nobody-asked',
    told: () => '10.9.100.199 is on a link of',
  },
  {
    what: 'a port is not caught any more',
    on: 'standby',
    script: (address) => `nft delete ${ELEMENT} '{ ${address} . 80 }'`,
    rule: 'not-in-kernel',
    told: (address) => `web at ${address}:80 is not caught by nftables on`,
  },
  {
    what: 'a port is caught that nobody asked for',
    on: 'owner',
    script: (address) => `nft add ${ELEMENT} '{ ${address} . 81 }'`,
    rule: 'nobody-asked',
    told: (address) => `${address}:81 is caught by nftables on`,
  },
  {
    what: 'the running HAProxy forgets an address',
    on: 'standby',
    script: (address) => RUNTIME(`del map ${mapFile('standby')} ${address}|80`),
    rule: 'not-rendered',
    told: (address) => `web at ${address}:80 is not in the running HAProxy on`,
  },
  {
    what: 'an address is not in the files any more',
    on: 'standby',
    script: (address) => `sed -i /^${address}/d ${mapFile('standby')}`,
    rule: 'not-rendered',
    told: (address) => `web at ${address}:80 is not in haproxy.cfg on`,
  },
];

let machines: Record<Fault['on'], string>;
function mapFile(role: Fault['on']): string {
  return `${diskOf(machines[role])}/etc/haproxy/services.map`;
}

it.each(FAULTS)('the oracle tells when $what, and again holds once lbagent may repair it', async (fault) => {
  const { on, script, rule, told } = fault;
  const names = lab.site.machines.map(({ name }) => name);
  const [owner] = await ownersOf(lab, vip);
  machines = { owner: owner!, standby: names.find((name) => name !== owner)! };
  for (const name of names) await lab.kill(name, 'lbagent', 'STOP');
  try {
    await lab.must(machines[on], ['sh', '-c', script(vip)]);
    const violations = judge(await observe(lab)).filter((each) => each.rule === rule);
    expect(violations.map(({ sentence }) => sentence).join('\n')).toContain(told(vip));
  } finally {
    for (const name of names) await lab.kill(name, 'lbagent', 'CONT');
  }
  await expectHolds(lab, { seconds: 30 });
});

it('the oracle tells when an address answers nobody', async () => {
  for (const { name } of lab.site.nodes) await lab.kill(name, 'echo', 'STOP');
  const violations = judge(await observe(lab)).filter(({ rule }) => rule === 'no-answer');
  for (const { name } of lab.site.nodes) await lab.kill(name, 'echo', 'CONT');
  expect(violations.map(({ sentence }) => sentence).join('\n')).toContain(`web does not answer at ${vip}:80`);
  await expectHolds(lab, { seconds: 30 });
});

it('the oracle tells when the cloudagent does not answer', async () => {
  await lab.kill('cloudagent', 'cloudagent');
  await expect(expectHolds(lab, { seconds: 0 })).rejects.toThrow('not to be seen');
  await lab.start('cloudagent', 'cloudagent');
  await expectHolds(lab, { seconds: 30 });
});
