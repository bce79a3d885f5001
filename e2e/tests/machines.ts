import type { Lab } from '../lab/lab.ts';

/** Names of the LB machines that have the address on a link. */
export async function ownersOf(lab: Lab, address: string): Promise<string[]> {
  const reachable = (await lab.status()).filter(({ up }) => up).map(({ name }) => name);
  const machines = lab.site.machines.map(({ name }) => name).filter((name) => reachable.includes(name));
  const links = await Promise.all(machines.map((name) => lab.must(name, ['ip', '-o', 'address'])));
  return machines.filter((_, index) => links[index]!.includes(` ${address}/`));
}

/** Pids of all haproxy processes of all machines, in order: equal before and after means that none was reloaded. */
export async function haproxyWorkers(lab: Lab): Promise<string[]> {
  const script = `own=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/net)" = "$own" ] && [ "$(cat $p/comm)" = haproxy ] && echo "\${p#/proc/}"
done | sort -n`;
  return Promise.all(
    lab.site.machines.map(async ({ name }) =>
      (await lab.must(name, ['sh', '-c', script])).trim().replaceAll('\n', ' '),
    ),
  );
}
