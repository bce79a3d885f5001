/** What is delivered to a machine as one package, in whatever format. */
export interface Package {
  /** Of the package, for example `fairlead-lbagent`. */
  readonly name: string;
  readonly version: string;
  readonly architecture: Architecture;
  /** Begins with a small letter and has no full stop: it follows the name. */
  readonly summary: string;
  /** Sentences; wrapped by the format. */
  readonly description: string;
  readonly entries: readonly Entry[];
  /** Files of other packages that are replaced by links for as long as this one is installed. */
  readonly takesOver: readonly { readonly path: string; readonly to: string }[];
  readonly deb: {
    readonly depends: readonly string[];
    readonly recommends: readonly string[];
    /** Files of other packages: when one is renewed, `postinst triggered` is told. */
    readonly watches?: readonly string[];
    readonly scripts: Readonly<Partial<Record<'preinst' | 'postinst' | 'prerm' | 'postrm', string>>>;
  };
  readonly rpm: {
    readonly requires: readonly string[];
    readonly scripts: Readonly<Partial<Record<'post' | 'preun' | 'postun', string>>>;
  };
  readonly tar: {
    /** Programs that must be there. */
    readonly needs: readonly string[];
    /** Shell: after the files were put in place; $again is not empty when they replaced others. */
    readonly installed: string;
    /** Shell: before the files are taken away. */
    readonly removing: string;
    /** A script of functions, which are there when $removed runs. */
    readonly afterRemoval: string;
    /** Shell: when they are gone; $1 may be --purge. */
    readonly removed: string;
    /** Programs beside install.sh, by their path in the archive. */
    readonly besides: readonly { readonly path: string; readonly text: string }[];
  };
}

/** As Node names it. */
export type Architecture = 'x64' | 'arm64';

/** Everything belongs to root; what must not is made by tmpfiles. */
export type Entry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly from: Content }
  /** An operator may change it, and keeps the change. */
  | { readonly kind: 'config'; readonly path: string; readonly from: Content }
  | { readonly kind: 'link'; readonly path: string; readonly to: string };

export type Content = { readonly text: string | Uint8Array } | { readonly file: string };

export type Format = 'deb' | 'rpm' | 'tar';

export const FORMATS: readonly Format[] = ['deb', 'rpm', 'tar'];

/** What a format works with. */
export interface Workshop {
  /** Where the result goes. */
  readonly out: string;
  /** An empty directory. */
  readonly work: string;
  /** The time that every file bears, seconds since 1970. */
  readonly seconds: number;
  /** For the programs that it runs. */
  readonly environment: NodeJS.ProcessEnv;
}
