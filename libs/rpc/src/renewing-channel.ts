import type { Material, MaterialSource } from '@fairlead/certs';
import { Channel, connectivityState, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';

type CreateCall = Channel['createCall'];
type Call = ReturnType<CreateCall>;
type Start = Parameters<Call['start']>;

/** What a renewing channel uses of each channel that it has had. */
type Inner = Pick<Channel, 'createCall' | 'getConnectivityState' | 'watchConnectivityState' | 'close'>;

interface Generation extends Inner {
  /** Under way. */
  calls: number;
}

/**
 * A channel whose calls begin on a connection that was made with the newest certificate of its source: a server looks at
 * a certificate's end with each call, so an older connection would be of no use from then on. Calls and streams that
 * are under way end where they began; then their connection is closed, not before: grpc-js drops one that is closing at
 * its next keepalive.
 */
export class RenewingChannel extends Channel {
  readonly #open: () => Channel;
  readonly #source: MaterialSource;
  readonly #old = new Set<Generation>();
  #shown: Material;
  #current: Generation;

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
    this.#current = generationOf({
      createCall: (...call) => super.createCall(...call),
      getConnectivityState: (tryToConnect) => super.getConnectivityState(tryToConnect),
      watchConnectivityState: (...watch) => super.watchConnectivityState(...watch),
      close: () => super.close(),
    });
  }

  override createCall(...wish: Parameters<CreateCall>): Call {
    this.#renew();
    const generation = this.#current;
    const call = generation.createCall(...wish);
    generation.calls += 1;
    onStatus(call, () => {
      generation.calls -= 1;
      this.#letGo();
    });
    return call;
  }

  override getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.#current.getConnectivityState(tryToConnect);
  }

  override watchConnectivityState(...watch: Parameters<Channel['watchConnectivityState']>): void {
    this.#current.watchConnectivityState(...watch);
  }

  override close(): void {
    for (const generation of [...this.#old, this.#current]) generation.close();
    this.#old.clear();
  }

  #renew(): void {
    const material = this.#source.current();
    if (material === this.#shown) return;
    this.#shown = material;
    // One that is not connected takes the newest certificate when it connects.
    if (this.getConnectivityState(false) !== connectivityState.READY) return;
    this.#old.add(this.#current);
    this.#current = generationOf(this.#open());
    this.#letGo();
  }

  #letGo(): void {
    for (const generation of this.#old) {
      if (generation.calls > 0) continue;
      this.#old.delete(generation);
      generation.close();
    }
  }
}

function generationOf(inner: Inner): Generation {
  return {
    calls: 0,
    createCall: (...call) => inner.createCall(...call),
    getConnectivityState: (tryToConnect) => inner.getConnectivityState(tryToConnect),
    watchConnectivityState: (...watch) => inner.watchConnectivityState(...watch),
    close: () => inner.close(),
  };
}

/** Calls back once, when the call has ended in whatever way. */
function onStatus(call: Call, ended: () => void): void {
  const start = call.start.bind(call);
  call.start = (metadata: Start[0], listener: Start[1]) =>
    start(metadata, {
      onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveStatus: (status) => {
        ended();
        listener.onReceiveStatus(status);
      },
    });
}
