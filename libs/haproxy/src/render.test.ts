import { address, isCheckPath } from '@fairlead/model';
import { expect, it } from 'vitest';
import { shuffled } from './testing/shuffled.ts';
import { EXAMPLE } from './testing/example.ts';
import { OPTIONS_EXAMPLE } from './testing/example-options.ts';
import { type HaproxyConfig, MARKER_PLACE, renderConfig, renderServiceMap } from './render.ts';

const SEED_GLOBAL_AND_DEFAULTS = `global
    log /dev/log local0 info
    stats socket /var/run/haproxy.sock mode 600 level admin
    stats timeout 2m

defaults
    timeout client 30s
    timeout connect 10s
    timeout server 30s
    timeout tunnel 24d
    timeout client-fin 30s
    log global
    option tcplog
    option log-separate-errors
    option log-health-checks
    maxconn 10000
`;

it('haproxy.cfg reads as operators know it', async () => {
  await expect(renderConfig(EXAMPLE)).toMatchFileSnapshot('golden/haproxy.cfg');
  await expect(renderServiceMap(EXAMPLE.backends)).toMatchFileSnapshot('golden/services.map');
});

it('what Services may choose reads as operators expect it', async () => {
  await expect(renderConfig(OPTIONS_EXAMPLE)).toMatchFileSnapshot('golden/options.cfg');
  await expect(renderServiceMap(OPTIONS_EXAMPLE.backends)).toMatchFileSnapshot('golden/options.map');
});

it("a peer's name with anything but plain characters is refused, and never rendered", () => {
  const members = [{ name: 'lb-1\n    bind *:22', address: address('127.0.0.1') }];
  const peers = { local: members[0]!.name, port: 7432, members };
  expect(() => renderConfig({ ...EXAMPLE, peers })).toThrow("peer's name");
});

it('the file begins with the global and defaults that operators know, but for the mode of the socket', () => {
  expect(renderConfig(EXAMPLE).startsWith(SEED_GLOBAL_AND_DEFAULTS)).toBe(true);
});

it('the same content in any order gives the same bytes', () => {
  const expected = renderConfig(EXAMPLE);
  for (let seed = 1; seed <= 100; seed++) {
    const config: HaproxyConfig = {
      ...EXAMPLE,
      families: shuffled(EXAMPLE.families, seed),
      nodeChecks: shuffled(EXAMPLE.nodeChecks, seed).map((checks) => ({
        ...checks,
        inUse: new Map(shuffled([...checks.inUse], seed)),
      })),
      backends: shuffled(EXAMPLE.backends, seed).map((backend) => ({
        ...backend,
        servers: shuffled(backend.servers, seed),
      })),
    };
    expect(renderConfig(config)).toBe(expected);
    expect(renderServiceMap(config.backends)).toBe(renderServiceMap(EXAMPLE.backends));
  }
});

it('the marker stands in the text once, where the running worker will show it', () => {
  expect(renderConfig(EXAMPLE).split(MARKER_PLACE)).toHaveLength(2);
  expect(renderConfig(EXAMPLE, 'fairlead-abc')).toContain('\n    description fairlead-abc\n');
});

it('nothing that a user named gets beyond its comment', () => {
  const owner = 'evil\n    server x 1.2.3.4:1\r\n"quote" $HOME ${HOME} \0 #';
  const backends = [{ ...EXAMPLE.backends[0]!, owner }];
  const lines = renderConfig({ ...EXAMPLE, backends }).split('\n');
  expect(lines.filter((line) => line.includes('evil'))).toEqual([
    '# frontend_192.168.0.156_6443: evil?????server?x?1.2.3.4?1???quote???HOME???HOME?????',
  ]);
});

it('a check path with anything but plain URL characters is refused, and never rendered', () => {
  expect(['/healthz', '/a/b?c=d&e=%20', '/'].map(isCheckPath)).toEqual([true, true, true]);
  const bad = [
    '',
    'healthz',
    '/a b',
    '/a\nb',
    '/a"b',
    "/a'b",
    '/a#b',
    '/a\\b',
    '/$HOME',
    '/{x}',
    `/${'a'.repeat(300)}`,
  ];
  expect(bad.filter(isCheckPath)).toEqual([]);
  const profile = { check: { path: '/a b' } };
  expect(() => renderConfig({ ...EXAMPLE, backends: [{ ...EXAMPLE.backends[0]!, profile }] })).toThrow('check path');
});

it('a path that could mean something else is not rendered', () => {
  expect(() => renderConfig({ ...EXAMPLE, statsSocket: '/run/x mode 666' })).toThrow('absolute path');
  expect(() => renderConfig({ ...EXAMPLE, mapFile: 'services.map' })).toThrow('absolute path');
});

it('an IPv6 VIP keeps its own listener, its brackets and its key', () => {
  const backend = { ...EXAMPLE.backends[1]!, vip: address('fd07::db8:0:0:1') };
  const text = renderConfig({ ...EXAMPLE, families: ['ipv4', 'ipv6'], backends: [backend] });
  expect(text).toContain('bind [::1]:5000 transparent');
  expect(text).toContain('backend backend_fd07::db8:0:0:1_80\n');
  expect(renderServiceMap([backend])).toBe('fd07::db8:0:0:1|80 backend_fd07::db8:0:0:1_80\n');
});
