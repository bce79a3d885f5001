import type { MaterialSource } from '@fairlead/certs';
import { Channel, ChannelCredentials, connectivityState, type ChannelOptions } from '@grpc/grpc-js';
import { waitForChannelReady } from 'nice-grpc';
import { dialPatiently } from './dial.ts';
import { RenewingChannel } from './renewing-channel.ts';

export interface ChannelSettings {
  readonly maxMessageBytes: number;
  /** How often an open connection is tried; a dead one is found after this and the time-out together. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Longest time for one attempt to connect. */
  readonly connectTimeoutMs: number;
  /** First and longest wait between attempts. */
  readonly backOffMs: number;
  readonly maxBackOffMs: number;
}

/** What a channel is opened with. */
export interface ChannelWishes extends Partial<ChannelSettings> {
  /** Where the credentials take their certificate from, when it is renewed while the channel is open. */
  readonly renewed?: MaterialSource;
}

export const defaultChannelSettings: ChannelSettings = {
  maxMessageBytes: 32 * 1024 * 1024,
  keepaliveMs: 5_000,
  keepaliveTimeoutMs: 3_000,
  connectTimeoutMs: 5_000,
  backOffMs: 200,
  maxBackOffMs: 2_000,
};

/**
 * A connection to `HOST:PORT` or `unix:/path`, made at the first call and made again whenever it breaks. Without
 * credentials only for a unix socket. Close it with `close()`.
 */
export function openChannel(
  address: string,
  credentials: ChannelCredentials | undefined,
  { renewed, ...settings }: ChannelWishes = {},
): Channel {
  if (credentials === undefined && !address.startsWith('unix:')) {
    throw new Error(`speaking to ${address} needs credentials: only a unix socket has none`);
  }
  dialPatiently();
  if (credentials !== undefined && renewed !== undefined) {
    return new RenewingChannel(address, credentials, { options: optionsOf(settings), source: renewed });
  }
  return new Channel(address, credentials ?? ChannelCredentials.createInsecure(), optionsOf(settings));
}

/** Resolves when the connection stands; rejects after `timeoutMs`. */
export async function connected(channel: Channel, timeoutMs: number): Promise<void> {
  await waitForChannelReady(channel, new Date(Date.now() + timeoutMs));
}

/**
 * Resolves at once unless the channel is waiting for its next attempt to connect, when a call would only be told why the
 * last one failed; then as soon as it is connected, after `timeoutMs`, or when the signal aborts.
 */
export async function worthCalling(channel: Channel, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (channel.getConnectivityState(false) !== connectivityState.TRANSIENT_FAILURE || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    channel.watchConnectivityState(connectivityState.TRANSIENT_FAILURE, Date.now() + timeoutMs, done);
  });
}

/** True when the connection stands now. */
export function isConnected(channel: Channel): boolean {
  return channel.getConnectivityState(false) === connectivityState.READY;
}

function optionsOf(settings: Partial<ChannelSettings>): ChannelOptions {
  const { maxMessageBytes, ...times } = { ...defaultChannelSettings, ...settings };
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': times.keepaliveMs,
    'grpc.keepalive_timeout_ms': times.keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    // The name nice-grpc reads as the longest time for one attempt to connect; grpc-js itself has none.
    'grpc.min_reconnect_backoff_ms': times.connectTimeoutMs,
    'grpc.initial_reconnect_backoff_ms': times.backOffMs,
    'grpc.max_reconnect_backoff_ms': times.maxBackOffMs,
    // Credentials differ between channels to one address; connections must not be shared.
    'grpc.use_local_subchannel_pool': 1,
    // The environment must not decide where our connections go.
    'grpc.enable_http_proxy': 0,
  };
}
