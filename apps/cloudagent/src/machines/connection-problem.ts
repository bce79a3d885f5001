/** What a failed stream to a machine means to a person, and what to look at; without grpc's frame around it. PURE. */
export function connectionProblem(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const bare = text
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? *Resolution note:.*$/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '')
    .trim();
  const advice = ADVICE.find(([pattern]) => pattern.test(bare))?.[1];
  return advice === undefined ? bare : `${bare}: ${advice}`;
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'is lbagent running there, and enrolled?'],
  [/timed out|EHOSTUNREACH|ENETUNREACH|Connection dropped/, 'is the machine up, and its port open to the cloudagent?'],
  [
    /^Failed to connect/,
    'it ends the connection once it has seen our certificate: see its log (journalctl --unit=lbagent), and compare its clock with ours (timedatectl)',
  ],
  [/certificate (has expired|is not yet valid)/, 'compare its clock with ours, by which that is so (timedatectl)'],
  [/certificate|identity|EPROTO|ssl/i, 'enrol it again: fairlead machines add prints how'],
];
