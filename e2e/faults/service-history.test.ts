import { expect, it } from 'vitest';
import { readSaying, type Saying, ServiceHistory } from './service-history.ts';

const saying = (more: Partial<Saying>): Saying => ({
  event: 'MODIFIED',
  uid: 'u1',
  name: 'a',
  address: '',
  deleting: false,
  ...more,
});

it.each<[string, Partial<Saying>[], string[]]>([
  ['a Service gets its address and keeps it', [{}, { address: '1' }, { address: '1' }], []],
  ['a Service says another address', [{ address: '1' }, { address: '2' }], ['a (u1) had 1, then 2.']],
  ['a Service says no address any more', [{ address: '1' }, {}], ['a (u1) lost its address 1.']],
  [
    'two that live say one address',
    [{ address: '1' }, { uid: 'u2', name: 'b', address: '1' }],
    ['b said 1 while a did.'],
  ],
  [
    'one says the address of another that is being deleted',
    [{ address: '1' }, { address: '1', deleting: true }, { uid: 'u2', name: 'b', address: '1' }],
    [],
  ],
  [
    'one says the address of another that is gone, under the same name',
    [{ address: '1' }, { event: 'DELETED', address: '1' }, { uid: 'u2', address: '1' }],
    [],
  ],
])('when %s', (_what, sayings, wrongs) => {
  const history = new ServiceHistory();
  for (const each of sayings) history.take(saying(each));
  expect(history.wrongs).toEqual(wrongs);
});

it('reads what kubectl prints', () => {
  expect(readSaying('EVENT   UID   NAME   DELETED   ADDRESS')).toBeUndefined();
  expect(readSaying('ADDED   u1   a   <none>   <none>')).toEqual(saying({ event: 'ADDED' }));
  expect(readSaying('MODIFIED   u1   a   2026-01-01T00:00:00Z   10.9.100.1')).toEqual(
    saying({ address: '10.9.100.1', deleting: true }),
  );
});
