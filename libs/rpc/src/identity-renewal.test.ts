import { factsOfMaterial, readEnrolment, renewAt, writeEnrolment, type WholeFiles } from '@fairlead/certs';
import { afterEach, expect, it } from 'vitest';
import { keepRenewed } from './identity-renewal.ts';
import { controller, makeSite } from './testing/site.ts';

const site = await makeSite();
afterEach(() => site.close());

/** What replicas share, in memory. */
function sharedPlace(): WholeFiles & { empty(): void } {
  let files = new Map<string, Buffer>();
  let writes = 0;
  return {
    where: 'Secret system/controller',
    shared: true,
    async read<Name extends string>(names: readonly Name[]) {
      if (names.some((name) => !files.has(name))) return undefined;
      return Object.fromEntries(names.map((name) => [name, files.get(name)!])) as Record<Name, Buffer>;
    },
    async write(whole) {
      files = new Map(whole.map(({ name, content }) => [name, Buffer.from(content)]));
      writes += 1;
    },
    tryWriting: async () => {},
    version: async () => (files.size === 0 ? undefined : String(writes)),
    empty: () => void (files = new Map()),
  };
}

it('a certificate that vanishes from a shared place is put back, also before that place was looked at once', async () => {
  const place = sharedPlace();
  const source = await site.material(controller);
  const enrolment = { identity: controller, material: source.current(), join: 'site:7421', control: 'site:7420' };
  await writeEnrolment(place, enrolment);
  place.empty();
  // A moment before the renewal is due: the place is looked at every few milliseconds, and nobody is called.
  const moment = renewAt(factsOfMaterial(enrolment.material), 0) - 5;
  const live = keepRenewed({ place, enrolment, log: site.log, now: () => moment, random: () => 0 });
  try {
    await expect.poll(() => readEnrolment(place)).toEqual(enrolment);
    place.empty();
    await expect.poll(() => readEnrolment(place)).toEqual(enrolment);
  } finally {
    await live.stop();
  }
});
