import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'withdraw.fixture.ts');

const SERVING = {
  addresses: ['10.0.0.11', '10.0.0.12', '10.0.0.50', '10.0.0.80'],
  rules: [4000, 4613],
  routes: 'local default dev lo scope host',
  tables: ['table inet fairlead', 'table inet owner', 'table ip fairlead', 'table ip6 fairlead'],
  arpIgnore: '1',
};
const OWNERS = {
  addresses: ['10.0.0.11', '10.0.0.12'],
  rules: [4000],
  routes: '',
  tables: ['table inet owner'],
  arpIgnore: '0',
};

it('everything of lbagent leaves the kernel, nothing else does, and asking again finds nothing to do', async () => {
  expect(await inNamespaces(FIXTURE, 'afterServing')).toEqual({
    before: SERVING,
    problems: [],
    after: OWNERS,
    again: [],
  });
});

it('nothing is touched while keepalived runs, and without the memory all but the anchor is found', async () => {
  expect(await inNamespaces(FIXTURE, 'tooEarly')).toEqual({
    refused: ['keepalived still runs as process N: stop lbagent, keepalived and haproxy first'],
    untouched: SERVING,
    problems: [],
    after: { ...OWNERS, addresses: ['10.0.0.11', '10.0.0.12', '10.0.0.50'], arpIgnore: '1' },
  });
});
