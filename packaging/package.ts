/** What is delivered to a machine as one package, in whatever format. */
export interface Package {
  /** Of the package, for example `fairlead-lbagent`. */
  readonly name: string;
  readonly version: string;
  readonly architecture: Architecture;
  readonly summary: string;
  /** Sentences; wrapped by the format. */
  readonly description: string;
  readonly entries: readonly Entry[];
  readonly deb: {
    readonly depends: readonly string[];
    readonly recommends: readonly string[];
    readonly scripts: Readonly<Partial<Record<'preinst' | 'postinst' | 'prerm' | 'postrm', string>>>;
  };
}

/** As Node names it. */
export type Architecture = 'x64' | 'arm64';

/** Everything belongs to root; what must not is made by tmpfiles. */
export type Entry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly from: Content;
      /** An operator may change it, and keeps the change. */
      readonly config?: boolean;
      /** Left out of the format named. */
      readonly not?: readonly Format[];
    }
  | { readonly kind: 'link'; readonly path: string; readonly to: string; readonly not?: readonly Format[] };

export type Content = { readonly text: string } | { readonly file: string };

export type Format = 'deb' | 'rpm' | 'tar';

export const FORMATS: readonly Format[] = ['deb', 'rpm', 'tar'];
