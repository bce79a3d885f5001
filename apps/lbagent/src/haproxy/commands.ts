import {
  addServer,
  addService,
  type Command,
  deleteServer,
  drainServer,
  freeNodeCheck,
  keepServer,
  mapValue,
  moveService,
  removeService,
  resumeServer,
  useNodeCheck,
} from '@fairlead/haproxy';
import type { Step } from '../planning/step.ts';

/** What a step says to haproxy; nothing when it is about something else. */
export function commandsOf(step: Step, mapFile: string): readonly Command[] {
  switch (step.kind) {
    case 'use-node-check':
      return useNodeCheck(step.backend, step.server, step.check);
    case 'hold-node-check':
      return keepServer(step.backend, step.server);
    case 'add-server':
      return addServer(step.backend, step.server);
    case 'resume-server':
      return resumeServer(step.backend, step.server, step.check);
    case 'keep-server':
      return keepServer(step.backend, step.server);
    case 'add-service':
      return addService(mapFile, step.key, mapValue(step.backend, step.quota));
    case 'move-service':
      return moveService(mapFile, step.key, mapValue(step.backend, step.quota));
    case 'remove-service':
      return removeService(mapFile, step.key);
    case 'drain-server':
      return drainServer(step.backend, step.server);
    case 'delete-server':
      return deleteServer(step.backend, step.server, step.force);
    case 'free-node-check':
      return freeNodeCheck(step.backend, step.server);
    default:
      return [];
  }
}
