import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { diskOf, type LogText } from './protocol.ts';

/** Where a process of that name writes. */
export function logFileOf(host: string, process: string): string {
  return `${diskOf(host)}/var/log/${process}.log`;
}

/** The last `bytes` of each log file of a host, from the start of a line. */
export function readLogs(host: string, bytes: number): LogText[] {
  const directory = `${diskOf(host)}/var/log`;
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
  return files.sort().map((file) => ({
    host,
    name: file.replace(/\.log$/, ''),
    text: tailOf(join(directory, file), bytes),
  }));
}

/** The last `bytes` of a file, from the start of a line. */
export function tailOf(file: string, bytes: number): string {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const got = readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    const text = buffer.subarray(0, got).toString();
    return size > bytes ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(handle);
  }
}
