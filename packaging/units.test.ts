import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NODE_FLAGS } from '../tools/build.ts';

test.each(['cloudagent', 'lbagent'] as const)('the unit of %s tells Node what the lab and the bench tell it', (app) => {
  const unit = readFileSync(`${import.meta.dirname}/${app}/${app}.service`, 'utf8').replaceAll(/\\\n\s*/g, '');
  const start = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
  const bundle = start.findIndex((word) => word.endsWith(`/${app}.mjs`));
  expect(start.slice(1, bundle)).toEqual(NODE_FLAGS[app]);
});
