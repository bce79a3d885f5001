import { describe, expect, it } from 'vitest';
import { firstJudgement, judge, type Judged, type Judgement, mustAsk, nodeFinding, type Round } from './judgement.ts';

const ASKING = firstJudgement('auto', 'prod');
const HEALTHZ: Judgement = { choice: { kind: 'healthz' }, phase: 'trusted', rounds: 0 };
const ALL_FAIL: Round = { kind: 'auto', somePass: false };
const PORT: Judgement = { choice: { kind: 'node-port', port: 30080 }, phase: 'trusted', rounds: 0 };

function remember(choice: Judgement['choice'], phase?: 'asking' | 'held'): Judged {
  return { choices: new Map([['prod', choice]]), held: new Map(phase === undefined ? [] : [['prod', phase]]) };
}

function round(change: Partial<Round> & { healthz?: 'well' | 'unwell' | 'silent'; livePort?: number }): Round {
  const { healthz, livePort, ...rest } = change;
  const asked = healthz === undefined ? {} : { asked: { healthz, livePort } };
  return { kind: 'auto', somePass: undefined, ...asked, ...rest };
}

function after(judgement: Judgement, rounds: number, each: Round): Judgement {
  let now = judgement;
  for (let count = 0; count < rounds; count++) now = judge(now, each);
  return now;
}

describe('auto', () => {
  it('asks healthz where kube-proxy answers from outside, well or unwell', () => {
    expect(judge(ASKING, round({ healthz: 'well', livePort: 30080 }))).toEqual(HEALTHZ);
    expect(judge(ASKING, round({ healthz: 'unwell', livePort: 30080 }))).toEqual(HEALTHZ);
  });

  it('asks a live NodePort where nobody answers healthz, after a little patience', () => {
    const silent = round({ healthz: 'silent', livePort: 30080 });
    expect(after(ASKING, 11, silent)).toMatchObject({ choice: { kind: 'healthz' }, phase: 'asking' });
    expect(after(ASKING, 12, silent)).toEqual(PORT);
  });

  it('lets all nodes count as alive while none says anything', () => {
    expect(after(ASKING, 100, round({ healthz: 'silent' }))).toMatchObject({ phase: 'asking' });
  });

  it('goes back to healthz when a cluster asked by NodePort fails and healthz answers well', () => {
    expect(judge(judge(PORT, ALL_FAIL), round({ healthz: 'well' }))).toEqual(HEALTHZ);
  });
});

it('as long as one node passes nothing changes, and nobody is asked', () => {
  expect(mustAsk(HEALTHZ)).toBe(false);
  expect(judge(HEALTHZ, round({ somePass: true }))).toBe(HEALTHZ);
  expect(judge(HEALTHZ, round({ somePass: undefined }))).toBe(HEALTHZ);
});

it('when not one node passes the last set is held, until one is well again', () => {
  const held = judge(HEALTHZ, ALL_FAIL);
  expect(held).toMatchObject({ choice: { kind: 'healthz' }, phase: 'held' });
  expect(mustAsk(held)).toBe(true);
  expect(judge(held, round({ somePass: true, healthz: 'unwell' })).phase).toBe('held');
  expect(judge(held, round({ somePass: true, healthz: 'well' }))).toEqual(HEALTHZ);
});

it('healthz that is gone for a minute gives way to a NodePort', () => {
  const silent = round({ somePass: false, healthz: 'silent', livePort: 30080 });
  expect(after(judge(HEALTHZ, ALL_FAIL), 239, silent).phase).toBe('held');
  expect(after(judge(HEALTHZ, ALL_FAIL), 240, silent)).toEqual(PORT);
});

it('a NodePort that nobody answers any more gives way to one that is live', () => {
  const next = judge(judge(PORT, ALL_FAIL), round({ healthz: 'silent', livePort: 30090 }));
  expect(next).toEqual({ choice: { kind: 'node-port', port: 30090 }, phase: 'trusted', rounds: 0 });
});

it('who wants healthz gets nothing else, and who wants NodePorts neither', () => {
  const both = { healthz: 'silent', livePort: 30080 } as const;
  const healthz = firstJudgement('healthz', 'prod', remember({ kind: 'node-port', port: 1 }, 'held'));
  expect(after(healthz, 100, round({ ...both, kind: 'healthz', somePass: false }))).toMatchObject({
    choice: { kind: 'healthz' },
    phase: 'held',
  });
  const nodePort = firstJudgement('node-port', 'prod', remember({ kind: 'healthz' }));
  expect(judge(nodePort, round({ kind: 'node-port', healthz: 'well', livePort: 30080 }))).toEqual(PORT);
});

it('what was found out before a restart is still known', () => {
  expect(firstJudgement('auto', 'prod', remember(PORT.choice))).toEqual(PORT);
  expect(firstJudgement('auto', 'other', remember(PORT.choice))).toEqual(ASKING);
});

it.each(['auto', 'healthz'] as const)(
  'what was held before a restart is held on until a node is well, with %s',
  (kind) => {
    const held = firstJudgement(kind, 'prod', remember({ kind: 'healthz' }, 'held'));
    expect(held).toEqual({ ...HEALTHZ, phase: 'held' });
    expect(judge(held, round({ kind, somePass: false, healthz: 'unwell' })).phase).toBe('held');
    expect(judge(held, round({ kind, healthz: 'well' }))).toEqual(HEALTHZ);
  },
);

describe('what a person is told', () => {
  const held = judge(HEALTHZ, ALL_FAIL);
  const silent = round({ healthz: 'silent' });

  it('is that the last set goes on when not one node passes any more', () => {
    expect(nodeFinding('prod', held, 3)).toBe('no node of cluster prod passes its check: the last set goes on');
  });

  it('is that nobody has ever answered, once they have had their time', () => {
    expect(nodeFinding('prod', after(ASKING, 11, silent), 3)).toBeUndefined();
    expect(nodeFinding('prod', after(ASKING, 12, silent), 3)).toContain('has answered a check yet');
  });

  it('is nothing while checks are trusted, or where no node is used', () => {
    expect(nodeFinding('prod', HEALTHZ, 3)).toBeUndefined();
    expect(nodeFinding('prod', held, 0)).toBeUndefined();
    expect(nodeFinding('prod', after(ASKING, 12, silent), 0)).toBeUndefined();
  });
});
