/** A container image as a node has it: unpacked. */
export interface ContainerImage {
  /** Directories with its layers, the topmost first; on this machine, outside of /run. */
  readonly layers: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** By reference, such as NAME:TAG. */
export type ContainerImages = Readonly<Record<string, ContainerImage>>;
