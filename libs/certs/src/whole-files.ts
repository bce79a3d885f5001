import { currentVersion, readWhole, tryWriting, writeWhole, type WholeFile } from './atomic-directory.ts';

/** A set of files that is only ever seen whole, wherever it is kept. */
export interface WholeFiles {
  /** For messages: a path, or "Secret NAMESPACE/NAME". */
  readonly where: string;
  /** True: others write there at the same time, such as replicas of one Deployment. */
  readonly shared: boolean;
  /** The files by name, or undefined when one of `names` is missing. */
  read<Name extends string>(names: readonly Name[]): Promise<Record<Name, Buffer> | undefined>;
  /** All of them, durably, or none; where it is shared it fails when somebody else has written since the last read. */
  write(files: readonly WholeFile[]): Promise<void>;
  /** Rejects when nothing could be written now, as far as that can be known beforehand. */
  tryWriting(): Promise<void>;
  /** Changes with every write. Undefined: nothing was written yet. */
  version(): Promise<string | undefined>;
}

/** A directory of this machine by its path, or files kept elsewhere. */
export type Place = string | WholeFiles;

export function filesAt(place: Place): WholeFiles {
  if (typeof place !== 'string') return place;
  return {
    where: place,
    shared: false,
    read: (names) => readWhole(place, names),
    write: (files) => writeWhole(place, files),
    tryWriting: () => tryWriting(place),
    version: () => currentVersion(place),
  };
}
