/** What a person may say about a run of the fault tests, by environment variables. */
export interface FaultSettings {
  /** FAIRLEAD_SEED: the same seed gives the same schedule. Any number, unless given. */
  readonly seed: number;
  /** FAIRLEAD_STORM_SECONDS: how long the storm rages; 300 unless given. */
  readonly stormSeconds: number;
  /** FAIRLEAD_DEAD_SECONDS: how long everything stays dead; 60 unless given. */
  readonly deadSeconds: number;
  /** FAIRLEAD_BAD_NETWORK_SECONDS: how long the network is bad each time; 8 unless given. */
  readonly badNetworkSeconds: number;
  /** FAIRLEAD_RENEWALS: how often each certificate is renewed; 30 unless given, as in an hour with ones of 3 minutes. */
  readonly renewals: number;
  /** FAIRLEAD_LOGS: a directory for the logs of every program of the lab; not kept unless given. */
  readonly logs: string | undefined;
}

/** Throws on what is no whole number. `anySeed` is taken when none was asked for. */
export function faultSettings(environment: NodeJS.ProcessEnv, anySeed: number): FaultSettings {
  const number = (name: string, otherwise: number): number => {
    const text = environment[name];
    if (text === undefined || text === '') return otherwise;
    if (!/^\d{1,9}$/.test(text)) throw new Error(`${name}=${text} does not do: give a whole number`);
    return Number(text);
  };
  return {
    seed: number('FAIRLEAD_SEED', anySeed),
    stormSeconds: number('FAIRLEAD_STORM_SECONDS', 300),
    deadSeconds: number('FAIRLEAD_DEAD_SECONDS', 60),
    badNetworkSeconds: number('FAIRLEAD_BAD_NETWORK_SECONDS', 8),
    renewals: number('FAIRLEAD_RENEWALS', 30),
    logs: environment['FAIRLEAD_LOGS'],
  };
}
