import { Channel, connectivityState, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { Material, MaterialSource } from '@fairlead/certs';

/** Calls that began just before get on their way. */
const LET_GO_MS = 1_000;

/**
 * A channel whose calls begin on a connection that was made with the newest certificate of its source: a server looks at
 * a certificate's end with each call, so an older connection would be of no use from then on. Calls and streams that
 * are under way end where they began.
 */
export class RenewingChannel extends Channel {
  readonly #open: () => Channel;
  readonly #source: MaterialSource;
  readonly #old = new Set<{ close(): void }>();
  #shown: Material;
  #newer: Channel | undefined;

  /** The credentials must take their certificate from `source`. */
  constructor(
    address: string,
    credentials: ChannelCredentials,
    { options, source }: { readonly options: ChannelOptions; readonly source: MaterialSource },
  ) {
    super(address, credentials, options);
    this.#open = () => new Channel(address, credentials, options);
    this.#source = source;
    this.#shown = source.current();
  }

  override createCall(...call: Parameters<Channel['createCall']>): ReturnType<Channel['createCall']> {
    this.#renew();
    return this.#newer === undefined ? super.createCall(...call) : this.#newer.createCall(...call);
  }

  override getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.#newer === undefined
      ? super.getConnectivityState(tryToConnect)
      : this.#newer.getConnectivityState(tryToConnect);
  }

  override watchConnectivityState(...watch: Parameters<Channel['watchConnectivityState']>): void {
    if (this.#newer === undefined) super.watchConnectivityState(...watch);
    else this.#newer.watchConnectivityState(...watch);
  }

  override close(): void {
    for (const old of this.#old) old.close();
    this.#old.clear();
    if (this.#newer === undefined) super.close();
    else this.#newer.close();
  }

  #renew(): void {
    const material = this.#source.current();
    if (material === this.#shown) return;
    this.#shown = material;
    // One that is not connected takes the newest certificate when it connects.
    if (this.getConnectivityState(false) !== connectivityState.READY) return;
    const before = this.#newer;
    const old = { close: () => (before === undefined ? super.close() : before.close()) };
    this.#newer = this.#open();
    this.#old.add(old);
    setTimeout(() => {
      if (this.#old.delete(old)) old.close();
    }, LET_GO_MS).unref();
  }
}
