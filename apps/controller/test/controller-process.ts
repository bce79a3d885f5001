import { systemClock } from '@fairlead/control-loop';
import { openChannel } from '@fairlead/rpc';
import { createLogger, createMetrics } from '@fairlead/telemetry';
import { KubeConfig } from '@kubernetes/client-node';
import { cloudagentOver } from '../src/cloudagent-client.ts';
import { openApi } from '../src/cluster/api.ts';
import { createController } from '../src/controller.ts';
import type { ProcessStart } from './spawn-controller.ts';

/** A controller as a process of its own, so that a test can stop it with signals. Its start is the one argument, as JSON. */
const start = JSON.parse(process.argv[2]!) as ProcessStart;
const kubeConfig = new KubeConfig();
kubeConfig.loadFromString(start.kubeConfig);
const log = createLogger({ component: 'controller', level: 'info' });

const controller = createController({
  clusterName: 'prod',
  defaultClass: false,
  identity: start.identity,
  leaseNamespace: 'fairlead-system',
  leaseName: 'fairlead-controller',
  workers: 16,
  electionTimes: start.times,
  api: openApi(kubeConfig, systemClock),
  cloudagent: cloudagentOver(openChannel(start.cloudagent, undefined), 'prod'),
  explain: String,
  clock: systemClock,
  wallClock: () => new Date(),
  random: Math.random,
  log,
  registry: createMetrics({ component: 'controller', version: 'test' }),
  onLeadershipLost(why) {
    log.fatal(why);
    process.exit(1);
  },
});
await controller.run(new AbortController().signal);
