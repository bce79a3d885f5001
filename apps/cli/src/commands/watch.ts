import { isTransient } from '@fairlead/rpc';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cli } from '../cli.ts';
import type { Connection } from '../connection.ts';
import { usage } from '../failure.ts';
import { qualifiedName, SERVICE } from '../kinds.ts';
import type { Selection } from '../kinds.ts';
import { listedResource, renderYaml } from '../print/document.ts';
import type { ListedResource } from '../print/document.ts';
import { resourceTable } from '../print/resource-table.ts';
import { renderTable, widthsOf } from '../print/table.ts';
import type { Table } from '../print/table.ts';
import type { GetOptions } from './options.ts';

const PAUSE_MS = 1_000;

/** Prints what there is, then every change, until it is stopped; connects again when the connection breaks. */
export async function watchResources(
  cli: Cli,
  connection: Connection,
  selection: Selection,
  options: GetOptions,
): Promise<void> {
  if (selection.kind === SERVICE) throw usage('Services are watched in their cluster: use `kubectl get services -w`');
  const printer = new Printer(cli, connection, selection, options);
  while (!cli.stopping.aborted) {
    try {
      await follow(cli, connection, selection, printer);
    } catch (error) {
      if (cli.stopping.aborted) return;
      // A server ends connections now and then, so that everybody comes back with a fresh certificate.
      if (!printer.hasBegun || !isTransient(error)) throw error;
      await sleep(PAUSE_MS, undefined, { signal: cli.stopping }).catch(() => {});
    }
  }
}

async function follow(cli: Cli, { site }: Connection, { kind, names }: Selection, printer: Printer): Promise<void> {
  let initial: ListedResource[] | undefined = [];
  for await (const { upserted, removedName, initialStateSent } of site.watch(
    { kind: kind.kind },
    { signal: cli.stopping },
  )) {
    const resource = upserted ? listedResource(upserted) : undefined;
    const name = resource?.document.metadata.name ?? removedName ?? '';
    if (initialStateSent) {
      await printer.replace(initial ?? []);
      initial = undefined;
    } else if (names.length > 0 && !names.includes(name)) {
      continue;
    } else if (resource === undefined) {
      printer.remove(name);
    } else if (initial === undefined) {
      await printer.put([resource]);
    } else {
      initial.push(resource);
    }
  }
}

/** Remembers what was printed, so that a new connection prints what changed and no more. */
class Printer {
  hasBegun = false;
  readonly #cli: Cli;
  readonly #connection: Connection;
  readonly #selection: Selection;
  readonly #options: GetOptions;
  readonly #printed = new Map<string, string>();
  #widths: number[] = [];

  constructor(...[cli, connection, selection, options]: [Cli, Connection, Selection, GetOptions]) {
    this.#cli = cli;
    this.#connection = connection;
    this.#selection = selection;
    this.#options = options;
  }

  async replace(resources: readonly ListedResource[]): Promise<void> {
    const names = new Set(resources.map(({ document }) => document.metadata.name));
    for (const name of this.#printed.keys()) if (!names.has(name)) this.remove(name);
    await this.put(resources);
    this.hasBegun = true;
  }

  async put(resources: readonly ListedResource[]): Promise<void> {
    const fresh = resources.filter(({ document }) => {
      const text = JSON.stringify(document);
      const isNew = this.#printed.get(document.metadata.name) !== text;
      this.#printed.set(document.metadata.name, text);
      return isNew;
    });
    const { output } = this.#options;
    const { out } = this.#cli.terminal;
    if (output === 'json') for (const { document } of fresh) out(`${JSON.stringify(document, undefined, 4)}\n`);
    else if (output === 'yaml') for (const { document } of fresh) out(`---\n${renderYaml(document)}`);
    else if (output === 'name')
      for (const { document } of fresh) out(`${qualifiedName(document.kind, document.metadata.name)}\n`);
    else if (fresh.length > 0) this.#printTable(await this.#table(fresh));
  }

  remove(name: string): void {
    if (!this.#printed.delete(name)) return;
    const { output } = this.#options;
    if (output === 'json' || output === 'yaml' || output === 'name') return;
    this.#cli.terminal.out(renderTable({ header: [], rows: [[name, '<deleted>']] }, false, this.#widths));
  }

  async #table(resources: readonly ListedResource[]): Promise<Table> {
    const view = await this.#connection.site.show({});
    return resourceTable(this.#selection.kind.kind, resources, view, this.#options.output === 'wide');
  }

  #printTable(table: Table): void {
    const headers = this.#options.headers && this.#widths.length === 0;
    const text = renderTable(table, headers, this.#widths);
    this.#widths = widthsOf(table, this.#widths);
    this.#cli.terminal.out(text);
  }
}
