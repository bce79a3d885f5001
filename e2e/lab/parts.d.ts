export interface Parts {
    /** One directory for the PATH, in front of the rest. */
    readonly bin: string;
}
export interface PartsOptions {
    readonly onProgress?: (sentence: string) => void;
    /** HOME, PATH and XDG_CACHE_HOME count. */
    readonly environment?: NodeJS.ProcessEnv;
}
/**
 * Finds the programs the lab needs: those installed, else Debian packages unpacked into a cache of the lab's own.
 * Nothing is installed. Throws one sentence on what to install where that cannot be done.
 */
export declare function ensureParts(options?: PartsOptions): Promise<Parts>;
/** What is fetched or built once for all checkouts. */
export declare function cacheDirectory(environment: NodeJS.ProcessEnv): string;
/** The file that a shell with that PATH would run. */
export declare function findOnPath(program: string, path: string): string | undefined;
