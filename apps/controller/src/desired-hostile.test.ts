import type { LoadBalancer } from '@fairlead/model';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ANNOTATIONS } from './annotations/annotations.ts';
import { narrowService } from './cluster/narrow.ts';
import { CLASS, type Desired, desired } from './desired.ts';
import { AROUND, OLD_RANGES } from './testing/asking.ts';
import { slice } from './testing/objects.ts';

/** What can be written anywhere: that is text, and no more. */
const ANY_TEXT = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '\n',
    '\r',
    '\0',
    '"; }',
    "'",
    '${HOME}',
    '#',
    '\\',
    '\u2028',
    '\u{1f980}',
    '\ud800',
    '__proto__',
  ),
);

/** What is right as far as it goes, and goes on as an attack. */
const BENT = fc
  .tuple(
    fc.constantFrom(
      '10.0.0.1',
      'fd00::1',
      '10.0.0.0/8',
      'dmz',
      'TCP',
      'IPv4',
      'ClientIP',
      'http:/healthz',
      '30s',
      'v2:80',
    ),
    fc.constantFrom(
      '',
      '\n',
      '\r\n',
      '\0',
      ' ',
      '"',
      '#',
      '${HOME}',
      '%eth0',
      '/33',
      ',',
      '; flush ruleset',
      '\n    bind *:22',
    ),
    fc.constantFrom('', '\n    server evil 192.0.2.66:1', ' }', '\u0661'),
  )
  .map((parts) => parts.join(''));

const LOOK_ALIKES = fc.constantFrom(
  '010.0.0.1',
  '10.0.0.1/8',
  '0x0a000001',
  '10.1',
  '167772161',
  '::ffff:10.0.0.1',
  'fe80::1%eth0',
  '１０.0.0.1',
  '10。0。0。1',
  '127.0.0.1',
  '224.0.0.1',
  'ＴＣＰ',
  'UDP ',
  'Ｌocal',
  'pοd',
);

const HOSTILE = fc.oneof(ANY_TEXT, BENT, LOOK_ALIKES);
const HUGE = [' ', 'a', '9', '\n', '10.0.0.0/8,'].map((text) => text.repeat(Math.ceil(2 ** 20 / text.length)));

type Raw = Readonly<Record<string, unknown>>;
const annotate = (key: string, text: string): Raw => ({ metadata: { annotations: { [key]: text } } });
const HTTP = { name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 };

/** Every field of a Service that is text, or may be written as text. */
const PLACES: Readonly<Record<string, (text: string) => Raw>> = {
  ...Object.fromEntries(
    [...Object.keys(ANNOTATIONS), OLD_RANGES].map((key) => [key, (text: string) => annotate(key, text)]),
  ),
  'a key of ours': (text) => annotate(`fairlead.dev/${text}`, text),
  loadBalancerIP: (text) => ({ spec: { loadBalancerIP: text } }),
  loadBalancerSourceRanges: (text) => ({ spec: { loadBalancerSourceRanges: ['10.0.0.0/8', text] } }),
  externalTrafficPolicy: (text) => ({ spec: { externalTrafficPolicy: text } }),
  'externalTrafficPolicy beside a port': (text) => ({
    spec: { externalTrafficPolicy: text, healthCheckNodePort: 31_000 },
  }),
  healthCheckNodePort: (text) => ({ spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: text } }),
  sessionAffinity: (text) => ({ spec: { sessionAffinity: text } }),
  timeoutSeconds: (text) => ({
    spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: text } } },
  }),
  ipFamilies: (text) => ({ spec: { ipFamilies: ['IPv4', text] } }),
  ipFamilyPolicy: (text) => ({ spec: { ipFamilyPolicy: text } }),
  allocateLoadBalancerNodePorts: (text) => ({ spec: { allocateLoadBalancerNodePorts: text } }),
  'ports[].name': (text) => ({ spec: { ports: [{ ...HTTP, name: text }] } }),
  'ports[].protocol': (text) => ({ spec: { ports: [HTTP, { ...HTTP, name: 'b', protocol: text }] } }),
  'ports[].port': (text) => ({ spec: { ports: [{ ...HTTP, port: text }] } }),
  'ports[].nodePort': (text) => ({ spec: { ports: [{ ...HTTP, nodePort: text }] } }),
  ports: (text) => ({ spec: { ports: text } }),
};

function ask({ metadata = {}, spec = {} }: Raw): Desired {
  const identity = { name: 'front', namespace: 'shop', uid: 'uid-1' };
  const service = { type: 'LoadBalancer', loadBalancerClass: CLASS, ports: [HTTP], selector: { app: 'front' } };
  const raw = { metadata: { ...identity, ...(metadata as object) }, spec: { ...service, ...(spec as object) } };
  return desired(narrowService(raw)!, { ...AROUND, slices: [slice(['a', 'ready'])] });
}

const SAFE = {
  address: /^[0-9a-f.:]+$/,
  range: /^[0-9a-f.:]+\/\d{1,3}$/,
  name: /^[-A-Za-z0-9._]*$/,
  path: /^\/[-A-Za-z0-9._~/%?=&+:@,]*$/,
};

/** Texts of a load balancer that are not of the strict form of their place; those of its labels go into no file. */
function loose(wanted: LoadBalancer): string[] {
  const {
    wantedAddresses,
    sourceRanges = [],
    pool = '',
    sharingKey = '',
    ports,
    labels: _labels,
    namespaceLabels: _namespaceLabels,
    ...rest
  } = wanted;
  const wrong = (form: RegExp, ...texts: readonly string[]): readonly string[] =>
    texts.filter((text) => !form.test(text));
  return [
    ...wrong(SAFE.address, ...wantedAddresses),
    ...wrong(SAFE.range, ...sourceRanges),
    ...wrong(SAFE.name, pool, sharingKey, ...textsIn(rest)),
    ...ports.flatMap(({ check, target, ...port }) => [
      ...wrong(SAFE.path, ...(check.kind === 'http' ? [check.path] : [])),
      ...wrong(SAFE.name, check.kind, ...textsIn(port)),
      ...(target.kind === 'endpoints'
        ? target.endpoints.flatMap(({ address, ...endpoint }) => [
            ...wrong(SAFE.address, address),
            ...wrong(SAFE.name, ...textsIn(endpoint)),
          ])
        : wrong(SAFE.name, ...textsIn(target))),
    ]),
  ];
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** What is wrong with the answer; it is either a refusal for people, or a load balancer of strict forms only. */
function wrongWith(wish: Desired): string[] {
  if (wish.kind === 'wanted') return loose(wish.loadBalancer).map((text) => `lets ${JSON.stringify(text)} through`);
  if (wish.kind === 'not-ours') return ['is left to somebody else'];
  return wish.refusals.flatMap(({ field, message, reason }) => [
    ...(/^(spec\.|metadata\.annotations\[)/.test(field) ? [] : [`names the field ${JSON.stringify(field)}`]),
    ...(message.startsWith(field) && !/[\n\r\0]/.test(message.slice(field.length)) ? [] : [`says ${message}`]),
    ...(message.length < 1_000 ? [] : [`says ${message.length} characters`]),
    ...(/^[A-Z_]+$/.test(reason) ? [] : [`has the reason ${reason}`]),
  ]);
}

const places = Object.keys(PLACES);

it('10,000 hostile texts, in every field and annotation, are refused by name or change nothing but what they may', () => {
  const one = fc.tuple(fc.constantFrom(...places), HOSTILE);
  const refused = new Set<string>();
  fc.assert(
    fc.property(fc.array(one, { minLength: 40, maxLength: 40 }), (texts) => {
      const wrong = texts.flatMap(([place, text]) => {
        const wish = ask(PLACES[place]!(text));
        if (wish.kind === 'refused') refused.add(place);
        return wrongWith(wish).map((what) => `${place}: ${JSON.stringify(text)} ${what}`);
      });
      expect(wrong).toEqual([]);
    }),
    { numRuns: 250 },
  );
  // Text where a number or a flag belongs is as if it were not there; everything else has refused something.
  const readAsAbsent = ['timeoutSeconds', 'allocateLoadBalancerNodePorts'];
  expect(places.filter((place) => !refused.has(place))).toEqual(readAsAbsent);
});

it.each(places)('a mebibyte of text in %s is answered in short', (place) => {
  expect(HUGE.flatMap((text) => wrongWith(ask(PLACES[place]!(text))))).toEqual([]);
});

it('one hostile field costs only its own Service: the others are wanted as before', () => {
  const others = JSON.stringify(ask({}));
  fc.assert(
    fc.property(fc.constantFrom(...places), HOSTILE, (place, text) => {
      ask(PLACES[place]!(text));
      expect(JSON.stringify(ask({}))).toBe(others);
    }),
    { numRuns: 50 },
  );
});

it('ports that overlap are refused, however they are written', () => {
  const port = fc.record({
    port: fc.integer({ min: 80, max: 82 }),
    protocol: fc.constantFrom(undefined, 'TCP', 'UDP'),
    nodePort: fc.constant(30_080),
  });
  fc.assert(
    fc.property(fc.array(port, { minLength: 1, maxLength: 4 }), (ports) => {
      const keys = ports.map(({ port: number, protocol = 'TCP' }) => `${number}/${protocol}`);
      const isDistinct = new Set(keys).size === keys.length;
      expect(ask({ spec: { ports } }).kind).toBe(isDistinct ? 'wanted' : 'refused');
    }),
  );
});

it('reads whatever JSON stands in a Service without throwing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (metadata, spec, status) => {
      const raw = { metadata: { name: 'x', namespace: 'y', labels: metadata, annotations: metadata }, spec, status };
      const object = narrowService({ ...raw, spec: Object.assign({}, spec, { type: 'LoadBalancer' }) });
      const wish = object && desired(object, { ...AROUND, defaultClass: true });
      expect(['wanted', 'refused', 'not-ours', undefined]).toContain(wish?.kind);
    }),
  );
});
