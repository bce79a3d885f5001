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
  ['it ended the stream', 'it ended the stream'],
])('%s is told as %s', (text, told) => {
  expect(connectionProblem(new Error(text))).toBe(told);
});
