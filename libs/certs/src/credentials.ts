// oxlint-disable no-underscore-dangle -- the names with underscores are grpc-js' points of extension
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Identity } from './identity.ts';
import type { Material, MaterialSource } from './material.ts';
import { pinPeer } from './peer.ts';
import { contextOptions, tlsRules } from './tls-options.ts';

/**
 * Credentials of a gRPC server: TLS 1.3, no session tickets. With `clients: 'required'` nobody gets in without a
 * certificate of the site; `'anonymous'` is for the join port, where each request proves itself. New connections use
 * the source's current material, open ones stay as they are.
 */
export function serverCredentials(source: MaterialSource, clients: 'required' | 'anonymous'): ServerCredentials {
  return new RotatingServerCredentials(source, clients === 'required');
}

/**
 * Credentials of a gRPC client that shows the source's certificate and speaks to nobody but `expected`, known by its
 * URI; host names do not count. TLS 1.3. New connections use the source's current material, open ones stay.
 */
export function channelCredentials(source: MaterialSource, expected: Identity): ChannelCredentials {
  return new RotatingChannelCredentials(source, expected, contextOptions);
}

/**
 * Credentials of a gRPC client that shows no certificate, for the join port: trusts the source's current roots and
 * speaks to nobody but `expected`.
 */
export function anonymousChannelCredentials(source: RootsSource, expected: Identity): ChannelCredentials {
  return new RotatingChannelCredentials(source, expected, ({ roots }) => ({ ...tlsRules, ca: roots }));
}

/** The part of a {@link MaterialSource} that an anonymous client needs; roots are PEM. */
export interface RootsSource {
  current(): Pick<Material, 'roots'>;
}

const handshakeTimeout = 10_000;

class RotatingServerCredentials extends ServerCredentials {
  readonly #source: MaterialSource;
  #unsubscribe: (() => void) | undefined;

  constructor(source: MaterialSource, clientsRequired: boolean) {
    super({ requestCert: clientsRequired, handshakeTimeout });
    this.#source = source;
  }

  override _addWatcher(watcher: (context: SecureContextOptions | null) => void): void {
    super._addWatcher(watcher);
    this.#unsubscribe ??= this.#source.subscribe((material) => this.#use(material));
  }

  override _removeWatcher(watcher: (context: SecureContextOptions | null) => void): void {
    super._removeWatcher(watcher);
    if (this.getWatcherCount() > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  override _getSecureContextOptions(): SecureContextOptions {
    return contextOptions(this.#source.current());
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  #use(material: Material): void {
    const options = contextOptions(material);
    // grpc-js drops every new connection after a context that cannot be built; this throws first.
    createSecureContext(options);
    this.updateSecureContextOptions(options);
  }
}

class RotatingChannelCredentials<Held> extends ChannelCredentials {
  readonly #source: { current(): Held };
  readonly #checkServerIdentity: ReturnType<typeof pinPeer>;
  readonly #optionsOf: (material: Held) => SecureContextOptions;
  #built: { material: Held; context: SecureContext } | undefined;

  constructor(source: { current(): Held }, expected: Identity, optionsOf: (material: Held) => SecureContextOptions) {
    super();
    this.#source = source;
    this.#checkServerIdentity = pinPeer(expected);
    this.#optionsOf = optionsOf;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...[target, options, calls]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): ReturnType<ChannelCredentials['_createSecureConnector']> {
    // A server name of our own, because an IP address, grpc-js' choice, is not allowed there (RFC 6066, 3).
    const named = { ...options, 'grpc.ssl_target_name_override': 'fairlead' };
    const connector = (): ReturnType<ChannelCredentials['_createSecureConnector']> =>
      ChannelCredentials.createFromSecureContext(this.#context(), {
        checkServerIdentity: this.#checkServerIdentity,
      })._createSecureConnector(target, named, calls);
    const first = connector();
    let isDestroyed = false;
    const shaking = new Set<Parameters<typeof first.connect>[0]>();
    return {
      async connect(socket) {
        shaking.add(socket);
        try {
          if (isDestroyed) throw new Error('the channel is closed');
          return await connector().connect(socket);
        } finally {
          shaking.delete(socket);
        }
      },
      waitForReady: async () => await first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy() {
        first.destroy();
        // grpc-js forgets what is under way when the channel is closed.
        isDestroyed = true;
        for (const socket of shaking) socket.destroy();
      },
    };
  }

  #context(): SecureContext {
    const material = this.#source.current();
    if (this.#built?.material !== material) {
      this.#built = { material, context: createSecureContext(this.#optionsOf(material)) };
    }
    return this.#built.context;
  }
}
