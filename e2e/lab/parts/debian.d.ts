/**
 * Fetches packages and those of their dependencies that are not installed, and unpacks them to `target` with wrappers in
 * `target`/bin. Needs no root and no package list of the system's; changes nothing of the system's. Whole or not at all.
 */
export declare function fetchPackages(packages: readonly string[], target: string, onProgress: (sentence: string) => void): Promise<void>;
