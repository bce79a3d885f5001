/** A program that the lab runs but does not bring along. */
export interface NeededProgram {
    readonly program: string;
    /** Debian's and Ubuntu's name of the package that has it. */
    readonly package: string;
    /** Prints its version; the first number with a dot in it counts. */
    readonly versionArgv?: readonly string[];
    /** For example [2, 6]. */
    readonly atLeast?: readonly [number, number];
    /** The lab works without it, with less to see. */
    readonly optional?: boolean;
}
export declare const NEEDED: readonly NeededProgram[];
/** Major and minor of the first version number in what a program prints. */
export declare function parseVersion(text: string): readonly [number, number] | undefined;
/** True when it is recent enough, or its version does not matter. */
export declare function isRecentEnough(needed: NeededProgram, printed: string): boolean;
/** What to tell a user of a system whose packages the lab cannot fetch itself. */
export declare function installSentence(missing: readonly NeededProgram[]): string;
/** ID and VERSION_ID of os-release(5), or undefined when it is neither Debian nor made from it. */
export declare function debianRelease(osRelease: string): string | undefined;
