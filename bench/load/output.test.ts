import { expect, it } from 'vitest';
import { parseIperf, parseIperfUdp, parseWrk } from './output.ts';

const WRK = `Running 2s test @ http://10.9.100.1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.07ms  712.12us  14.33ms   92.35%
    Req/Sec    13.62k     1.10k   15.57k    75.00%
  Latency Distribution
     50%    0.92ms
     75%    1.21ms
     90%    1.64ms
     99%    4.02ms
  27123 requests in 2.00s, 2.43MB read
`;

it.each([
  ['', 0],
  ['  Socket errors: connect 1, read 2, write 0, timeout 3\n', 6],
  ['  Non-2xx or 3xx responses: 5\n', 5],
])('reads requests a second, the 99th percentile and what failed (%j)', (errors, failed) => {
  const text = `${WRK}${errors}Requests/sec:  13551.22\nTransfer/sec:      1.21MB\n`;
  expect(parseWrk(text)).toEqual({ perSecond: 13_551.22, p99Ms: 4.02, failed });
});

it.each([
  ['840.00us', 0.84],
  ['1.25s', 1250],
])('a latency of %s is %d ms', (written, ms) => {
  const text = `${WRK.replace('4.02ms', written)}Requests/sec:  1.00\n`;
  expect(parseWrk(text).p99Ms).toBe(ms);
});

it('reads the bytes a second that were received', () => {
  expect(parseIperf('{"end":{"sum_sent":{"bits_per_second":9e9},"sum_received":{"bits_per_second":8e9}}}')).toBe(1000);
});

it('reads the datagrams a second that arrived', () => {
  const sum = { seconds: 2, packets: 1000, lost_packets: 100 };
  expect(parseIperfUdp(JSON.stringify({ end: { sum } }))).toBe(450);
});

it('what is no figure is told of with what was printed', () => {
  expect(() => parseWrk('unable to connect to 10.9.100.1:80')).toThrow('unable to connect');
  for (const parse of [parseIperf, parseIperfUdp]) {
    expect(() => parse('{"end":{},"error":"the server is busy"}')).toThrow('the server is busy');
    expect(() => parse('{"end":{}}')).toThrow('no figures');
  }
});
