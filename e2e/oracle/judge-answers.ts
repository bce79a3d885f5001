import { endpointsOf, endpointText } from './endpoints.ts';
import type { Observation, ServiceFacts } from './observation.ts';
import { violation, type Violation } from './violation.ts';

/** (c) Every live Service answers its clients, from one of its own Pods. One without any backend cannot. */
export function judgeAnswers({ site, services, answers }: Observation): Violation[] {
  const apps = new Map((services ?? []).map(({ uid, app }): [string, ServiceFacts['app']] => [uid, app]));
  const given = new Map(answers.map((answer) => [endpointText(answer.address, answer.port), answer]));
  const asked = site.loadBalancers.filter(({ state, targets }) => state === 'SERVING' && targets.length > 0);
  return asked.flatMap(({ id, name, addresses, ports }) =>
    endpointsOf({ addresses, ports }).flatMap((endpoint) => {
      const answer = given.get(endpoint);
      if (answer?.by === undefined) {
        const why = answer?.failure ?? 'nobody asked';
        return [violation('no-answer', `${name} does not answer at ${endpoint}: ${why}.`)];
      }
      const app = apps.get(id);
      if (app === undefined || answer.by.startsWith(`${app}-`)) return [];
      return [
        violation(
          'no-answer',
          `${name} at ${endpoint} is answered by ${answer.by}, which is none of its Pods (${app}).`,
        ),
      ];
    }),
  );
}
