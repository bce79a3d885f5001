import type { CommandResult } from './protocol.ts';
export interface CommandOptions {
    readonly stdin?: string;
    /** Milliseconds until it is killed; 60,000 unless given. */
    readonly timeout?: number;
    readonly env?: NodeJS.ProcessEnv;
}
/** Runs a program to its end. Throws only when it cannot be started or does not end in time. */
export declare function run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
/** Like `run`, but a code other than 0 throws, with what the program said. Returns stdout. */
export declare function must(argv: readonly string[], options?: CommandOptions): Promise<string>;
/** The shell's: 128 + number for a signal. */
export declare function exitCode(code: number | null, signal: NodeJS.Signals | null): number;
export declare const sleep: (ms: number) => Promise<void>;
