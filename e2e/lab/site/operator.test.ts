import { expect, test } from 'vitest';
import { readdress } from './operator.ts';

const encode = (fields: object) => `fairlead1.${Buffer.from(JSON.stringify(fields)).toString('base64url')}`;

test('a readdressed token is the same but for where it leads', () => {
  const fields = { site: 'lab', kind: 'operator', name: 'lab', id: 'i', secret: 's', root: 'r' };
  const token = encode({ ...fields, join: '10.9.0.11:7421', control: '10.9.0.11:7420' });
  const other = readdress(`${token}\n`, '127.0.0.1:1', '127.0.0.1:2');
  expect(JSON.parse(Buffer.from(other.slice('fairlead1.'.length), 'base64url').toString())).toEqual({
    ...fields,
    join: '127.0.0.1:1',
    control: '127.0.0.1:2',
  });
});
