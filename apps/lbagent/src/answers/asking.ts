import { pause, systemClock } from '@fairlead/control-loop';
import type { Address, Protocol } from '@fairlead/model';
import { askBackend } from './ask-backend.ts';

/** Where a backend listens. */
export interface Place {
  readonly address: Address;
  readonly port: number;
  readonly protocol: Protocol;
}

/** Whether a backend is there: a connection is accepted, or a datagram is not refused; never rejects. */
export type Ask = (address: Address, port: number, protocol: Protocol) => Promise<boolean>;

/** Asks backends again and again, until they answer. */
export interface Asking {
  /** By `placeKey`; one that is asked already goes on to be. */
  begin(key: string, place: Place): void;
  end(key: string): void;
  stop(): void;
}

/** `onAnswer` is told once of each backend that has answered, and then it is no longer asked. */
export function startAsking(onAnswer: (key: string) => void, ask: Ask = askBackend): Asking {
  const places = new Map<string, Place>();
  const lines = new Map<Address, Line>();
  const stopping = new AbortController();

  async function askInTurn(address: Address, line: Line): Promise<void> {
    line.askers += 1;
    for (const key of line.waiting) {
      line.waiting.delete(key);
      const place = places.get(key);
      if (!place) continue;
      if (await ask(place.address, place.port, place.protocol)) {
        if (places.delete(key)) onAnswer(key);
        continue;
      }
      await pause(systemClock, AGAIN_MS, stopping.signal);
      if (places.has(key)) line.waiting.add(key);
    }
    line.askers -= 1;
    if (line.askers === 0) lines.delete(address);
  }

  return {
    begin(key, place) {
      if (places.has(key)) return;
      places.set(key, place);
      let line = lines.get(place.address);
      if (!line) lines.set(place.address, (line = { waiting: new Set(), askers: 0 }));
      line.waiting.add(key);
      if (line.askers < MOST_AT_ONCE) void askInTurn(place.address, line);
    },
    end(key) {
      places.delete(key);
    },
    stop() {
      places.clear();
      stopping.abort();
    },
  };
}

/** What is asked at one address. */
interface Line {
  /** Keys of who is to be asked, in turn. */
  readonly waiting: Set<string>;
  askers: number;
}

/** After no answer. A node opens a NodePort within a second or two. */
const AGAIN_MS = 20;
/** At one address. A node opens many ports in one go, and then each answer leads to the next question at once. */
const MOST_AT_ONCE = 16;
