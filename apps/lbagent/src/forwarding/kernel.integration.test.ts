import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from '../processes/namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'kernel.fixture.ts');
const DNS = '10.9.100.1 53 true';
const V6 = 'fd00::1 53 true';

it('makes a router of the machine with the first UDP port, notices every tampering, and leaves nothing after the last', async () => {
  expect(await inNamespaces(FIXTURE, 'lifeOfTheTable')).toEqual({
    before: ['absent', '0', '0'],
    put: ['intact', DNS, '1', '0'],
    both: ['intact', DNS, V6, '1', '1', '2'],
    byClient: true,
    wide: true,
    narrow: false,
    byAnother: ['intact', DNS, V6],
    elementGone: ['intact', '10.9.100.1 53 false', V6],
    chainFlushed: ['intact', '10.9.100.1 53 false', V6],
    ruleAdded: ['intact', '10.9.100.1 53 false', V6],
    foreignRule: ['altered', DNS, V6],
    tableFlushed: ['altered', '10.9.100.1 53 false', 'fd00::1 53 false'],
    bucketsCannotBeChanged: true,
    routerNoMore: 'altered',
    one: ['intact', DNS, false],
    retired: ['absent', '0', '0', '1', false],
  });
});

it('a machine that was a router before stays one, and what it forwards for others is left alone', async () => {
  expect(await inNamespaces(FIXTURE, 'routerBefore')).toEqual({ guards: false, router: '1', tables: '' });
});
