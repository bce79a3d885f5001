/** What a server is doing, as `show stat` says. */
export interface ServerLoad {
  readonly server: string;
  /** Connections that it has now. */
  readonly connections: number;
  /** Since it last changed between serving and not serving. */
  readonly seconds: number;
}

/** The command that asks for the servers of one backend; of all backends it would take half a second. */
export function askServerLoad(backend: string): string {
  return `show stat ${backend} 4 -1`;
}

/** Reads the reply. Throws on any other shape. PURE. */
export function parseServerLoad(reply: string): readonly ServerLoad[] {
  const [header = '', ...rows] = reply.split('\n');
  const columns = header.replace(/^# /, '').split(',');
  const [name, connections, seconds] = ['svname', 'scur', 'lastchg'].map((column) => columns.indexOf(column));
  if (!header.startsWith('# ') || name! < 0 || connections! < 0 || seconds! < 0) {
    throw new Error(`show stat: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  }
  return rows.flatMap((row) => {
    if (row === '') return [];
    const fields = row.split(',');
    return [
      {
        server: fields[name!] ?? '',
        connections: numberOf(fields[connections!]),
        seconds: numberOf(fields[seconds!]),
      },
    ];
  });
}

// Empty for what does not count.
function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}
