import type { Clock } from '@fairlead/control-loop';
import type { Announcement } from './announce.ts';
import type { Api } from '../cluster/api.ts';
import { ApiFailure, MERGE_PATCH } from '../cluster/api.ts';
import { field, integer, text } from '../cluster/narrow.ts';
import { eventName } from './event-name.ts';

export interface RecorderOptions {
  readonly api: Api;
  /** Pod or host name, shown as the reporting instance. */
  readonly instance: string;
  readonly leads: () => boolean;
  /** True while Services have a turn or wait for one. */
  readonly busy: () => boolean;
  readonly clock: Clock;
  readonly wallClock: () => Date;
  /** An event is worth no retry: its loss is told here and forgotten. */
  readonly onLost: (error: unknown) => void;
}

/** Writes Events beside the work: nobody waits for them, and while others work only warnings are written. */
export interface EventRecorder {
  announce(announcement: Announcement): void;
  /** Resolves when everything announced so far has been written or lost. */
  drained(): Promise<void>;
  readonly waiting: number;
}

/** Announcements that are counted in one Event. */
interface Series {
  readonly name: string;
  announcement: Announcement;
  count: number;
  /** How many of them the cluster has been told. */
  written: number;
  writtenAt: number;
  /** On the clock; undefined: nothing of it is to be written. */
  queuedAt: number | undefined;
}

/** What is announced waits a moment, so that it does not compete with the status that is about to be written. */
const AFTERWARDS_MS = 30;
/** That all goes well is told after the work of a burst: Events would be half of what the API server has to write. */
const PATIENCE_MS = 20_000;
/** A repetition is written at most so often. */
const REPEAT_MS = 30_000;
const MOST_SERIES = 10_000;
const MOST_WAITING = 5_000;
const WRITERS = 2;

/** Repeated announcements become one Event with a count; of a burst beyond what can be written the oldest are lost. */
export function createEventRecorder(options: RecorderOptions): EventRecorder {
  const known = new Map<string, Series>();
  const queue: Series[] = [];
  const idle: (() => void)[] = [];
  let writing = 0;
  let scheduled = false;

  function count(announcement: Announcement): Series {
    const name = eventName(announcement);
    const series = known.get(name) ?? { name, announcement, count: 0, written: 0, writtenAt: 0, queuedAt: undefined };
    series.announcement = announcement;
    series.count++;
    // Kept in order of use, so that the least used is forgotten.
    known.delete(name);
    known.set(name, series);
    if (known.size > MOST_SERIES) known.delete(known.keys().next().value!);
    return series;
  }

  function enqueue(series: Series): void {
    series.queuedAt = options.clock.now();
    queue.push(series);
    if (queue.length > MOST_WAITING) {
      queue.shift()!.queuedAt = undefined;
      options.onLost(new Error('more events than can be written: some were not'));
    }
    schedule();
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    options.clock.after(AFTERWARDS_MS, () => {
      scheduled = false;
      for (let count = writing; count < WRITERS; count++) void drain();
    });
  }

  async function drain(): Promise<void> {
    writing++;
    for (let series = next(); series !== undefined; series = next()) {
      series.queuedAt = undefined;
      const told = series.count;
      if (options.leads()) await writeEvent(options, series).catch(options.onLost);
      series.written = told;
      series.writtenAt = options.clock.now();
    }
    writing--;
    if (writing > 0) return;
    if (queue.length > 0) schedule();
    else for (const tell of idle.splice(0)) tell();
  }

  /** The first that may be written now. */
  function next(): Series | undefined {
    const [oldest] = queue;
    const waited = options.clock.now() - (oldest?.queuedAt ?? 0);
    if (!options.busy() || waited >= PATIENCE_MS) return queue.shift();
    const index = queue.findIndex(({ announcement }) => announcement.type === 'Warning');
    return index === -1 ? undefined : queue.splice(index, 1)[0];
  }

  return {
    announce(announcement) {
      const series = count(announcement);
      const recent = series.written > 0 && options.clock.now() - series.writtenAt < REPEAT_MS;
      if (series.queuedAt !== undefined || recent || (announcement.once && series.written > 0)) return;
      enqueue(series);
    },
    get waiting() {
      return queue.length + writing;
    },
    async drained() {
      if (writing > 0 || scheduled) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

/** Makes the Event, or counts on in the one that an earlier announcement or an earlier process made. */
async function writeEvent(options: RecorderOptions, series: Series): Promise<void> {
  const { api } = options;
  const { announcement, name } = series;
  const namespace = announcement.regarding.namespace || 'default';
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  const more = series.count - series.written;
  const time = options
    .wallClock()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
  if (series.written === 0) {
    const made = await succeeds(
      () => api.request({ method: 'POST', path, body: newEvent(options, series, { namespace, time }) }),
      409,
    );
    if (made || announcement.once) return;
  }
  const found = await api.request({ method: 'GET', path: `${path}/${name}` }).catch(absent);
  if (found === undefined) {
    await api.request({ method: 'POST', path, body: newEvent(options, series, { namespace, time }) });
    return;
  }
  const count = (integer(field(found, 'count')) ?? 0) + more;
  const resourceVersion = text(field(field(found, 'metadata'), 'resourceVersion'));
  await api.request({
    method: 'PATCH',
    path: `${path}/${name}`,
    contentType: MERGE_PATCH,
    body: { metadata: { resourceVersion }, count, lastTimestamp: time, message: announcement.message },
  });
}

function newEvent(options: RecorderOptions, series: Series, at: { namespace: string; time: string }): unknown {
  const { regarding, type, reason, message } = series.announcement;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: series.name, namespace: at.namespace },
    involvedObject: {
      apiVersion: 'v1',
      kind: regarding.kind,
      name: regarding.name,
      uid: regarding.uid,
      ...(regarding.namespace === '' ? {} : { namespace: regarding.namespace }),
    },
    type,
    reason,
    message,
    count: series.count - series.written,
    firstTimestamp: at.time,
    lastTimestamp: at.time,
    source: { component: 'fairlead-controller' },
    reportingComponent: 'fairlead.dev/controller',
    reportingInstance: options.instance,
  };
}

/** False: the API server answered with this status. */
async function succeeds(act: () => Promise<unknown>, otherwise: number): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (error instanceof ApiFailure && error.status === otherwise) return false;
    throw error;
  }
}

function absent(error: unknown): undefined {
  if (error instanceof ApiFailure && error.status === 404) return undefined;
  throw error;
}
