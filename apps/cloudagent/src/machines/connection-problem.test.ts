import { expect, it } from 'vitest';
import { connectionProblem } from './connection-problem.ts';

it.each([
  [
    'No connection established. Last error: Error: connect ECONNREFUSED 10.9.1.1:7430. Resolution note: ',
    'connect ECONNREFUSED 10.9.1.1:7430: is lbagent running there, and enrolled?',
  ],
  [
    'No connection established. Last error: Error: Connection attempt timed out after 3000ms. Resolution note: ',
    'Connection attempt timed out after 3000ms: is the machine up, and its port open to the cloudagent?',
  ],
  [
    'No connection established. Last error: Failed to connect (2026-01-02T03:04:05.678Z). Resolution note: ',
    'Failed to connect: it ends the connection once it has seen our certificate: see its log (journalctl --unit=lbagent), and compare its clock with ours (timedatectl)',
  ],
  [
    'No connection established. Last error: Error: certificate is not yet valid. Resolution note: ',
    'certificate is not yet valid: compare its clock with ours, by which that is so (timedatectl)',
  ],
  ['it ended the stream', 'it ended the stream'],
])('%s is told as %s', (text, told) => {
  expect(connectionProblem(new Error(text))).toBe(told);
});
