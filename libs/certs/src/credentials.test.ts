import { afterEach, describe, expect, it } from 'vitest';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Client, Server, status, type ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import { createAuthority, type AuthorityState } from './authority.ts';
import { signCertificate } from './certificate.ts';
import { anonymousChannelCredentials, channelCredentials, serverCredentials } from './credentials.ts';
import { formatIdentity } from './identity.ts';
import { makeKeyPair, privateKeyToPem } from './keys.ts';
import { materialSource, type Material } from './material.ts';
import { certificatesToPem } from './pem.ts';
import { pinPeer } from './peer.ts';
import { materialOf } from './testing.ts';
import { tlsRules } from './tls-options.ts';

const cloudagent = { kind: 'cloudagent', site: 'lab' } as const;
const controller = { kind: 'controller', site: 'lab', name: 'prod' } as const;
const machine = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const bytes = (value: Buffer): Buffer => value;
const method = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

/** Answers every call of `echo` with its words and every word of `talk` at once. */
async function listen(credentials: ServerCredentials): Promise<number> {
  const server = new Server();
  server.addService(
    {
      echo: { path: '/test/echo', requestStream: false, responseStream: false, ...method },
      talk: { path: '/test/talk', requestStream: true, responseStream: true, ...method },
    },
    {
      echo: (call: { request: Buffer }, done: (error: null, value: Buffer) => void) => done(null, call.request),
      talk: (call: NodeJS.ReadWriteStream) => void call.pipe(call),
    },
  );
  cleanups.push(() => server.forceShutdown());
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

function clientOf(port: number, credentials: ConstructorParameters<typeof Client>[1]): Client {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  cleanups.push(() => client.close());
  return client;
}

async function echo(client: Client, word = 'hello'): Promise<string> {
  return await new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + 3000);
    client.makeUnaryRequest('/test/echo', bytes, bytes, Buffer.from(word), { deadline }, (error, value) => {
      if (error === null) resolve(String(value));
      else reject(error);
    });
  });
}

async function failureOf(client: Client): Promise<ServiceError> {
  return await echo(client).then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}

describe('mutual TLS between members of a site', () => {
  it('lets a member call the peer it expects', async () => {
    const authority = await createAuthority('lab', Date.now());
    const port = await listen(serverCredentials(materialSource(await materialOf(authority, cloudagent)), 'required'));
    const source = materialSource(await materialOf(authority, controller));
    expect(await echo(clientOf(port, channelCredentials(source, cloudagent)))).toBe('hello');
  });

  it('refuses to speak to a member that is not the expected one', async () => {
    const authority = await createAuthority('lab', Date.now());
    const port = await listen(serverCredentials(materialSource(await materialOf(authority, machine)), 'required'));
    const source = materialSource(await materialOf(authority, controller));
    const failure = await failureOf(clientOf(port, channelCredentials(source, cloudagent)));
    expect(failure.code).toBe(status.UNAVAILABLE);
    expect(failure.details).toContain('expected fairlead://lab/cloudagent but reached fairlead://lab/lbagent/lb-1');
  });

  it('refuses a server of another site that has the same name', async () => {
    const [ours, theirs] = [await createAuthority('lab', Date.now()), await createAuthority('lab', Date.now())];
    const port = await listen(serverCredentials(materialSource(await materialOf(theirs, cloudagent)), 'anonymous'));
    const roots = { current: () => ({ roots: certificatesToPem([ours.root.certificate]) }) };
    const failure = await failureOf(clientOf(port, anonymousChannelCredentials(roots, cloudagent)));
    expect(failure.code).toBe(status.UNAVAILABLE);
  });

  it('refuses a server whose certificate is for clients only', async () => {
    const authority = await createAuthority('lab', Date.now());
    const port = await listen(serverCredentials(materialSource(await materialOf(authority, controller)), 'anonymous'));
    const roots = { current: () => ({ roots: certificatesToPem([authority.root.certificate]) }) };
    const failure = await failureOf(clientOf(port, anonymousChannelCredentials(roots, controller)));
    expect(failure.code).toBe(status.UNAVAILABLE);
    expect(failure.details).toMatch(/purpose/);
  });
});

/** What a raw TLS client gets to see: the first bytes of the server's HTTP/2 settings, or why it was turned away. */
async function knock(port: number, options: ConnectionOptions): Promise<string> {
  return await new Promise((resolve) => {
    const socket: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      servername: 'fairlead',
      ALPNProtocols: ['h2'],
      ...options,
    });
    cleanups.push(() => socket.destroy());
    socket.once('data', () => resolve('served'));
    socket.once('error', (error) => resolve(error.message));
    socket.once('close', () => resolve('closed'));
  });
}

describe('a listener that requires certificates', () => {
  async function listener(): Promise<{ authority: AuthorityState; port: number; trust: ConnectionOptions }> {
    const authority = await createAuthority('lab', Date.now());
    const port = await listen(serverCredentials(materialSource(await materialOf(authority, cloudagent)), 'required'));
    const trust: ConnectionOptions = {
      ca: certificatesToPem([authority.root.certificate]),
      checkServerIdentity: pinPeer(cloudagent),
      minVersion: 'TLSv1.2',
    };
    return { authority, port, trust };
  }

  const shown = ({ privateKey, certificateChain }: Material): ConnectionOptions => ({
    key: privateKey,
    cert: certificateChain,
  });

  it('serves a member', async () => {
    const { authority, port, trust } = await listener();
    expect(await knock(port, { ...trust, ...shown(await materialOf(authority, controller)) })).toBe('served');
  });

  it('turns away a client without a certificate', async () => {
    const { port, trust } = await listener();
    expect(await knock(port, trust)).not.toBe('served');
  });

  it('turns away a client certified by another authority under the same name', async () => {
    const { port, trust } = await listener();
    const rogue = await createAuthority('lab', Date.now());
    expect(await knock(port, { ...trust, ...shown(await materialOf(rogue, controller)) })).not.toBe('served');
  });

  it('turns away TLS 1.2', async () => {
    const { authority, port, trust } = await listener();
    const options = { ...trust, ...shown(await materialOf(authority, controller)), maxVersion: 'TLSv1.2' } as const;
    expect(await knock(port, options)).toMatch(/protocol version/);
  });

  it('turns away a certificate that is for servers only', async () => {
    const { authority, port, trust } = await listener();
    const keys = await makeKeyPair();
    const leaf = signCertificate(
      {
        publicKey: keys.publicKey,
        subject: [],
        uri: formatIdentity(controller),
        notBefore: Date.now() - 1000,
        notAfter: Date.now() + 60_000,
        role: { ca: false, usages: ['serverAuth'] },
      },
      authority.issuing,
    );
    const cert = certificatesToPem([leaf, authority.issuing.certificate]);
    expect(await knock(port, { ...trust, key: privateKeyToPem(keys.privateKey), cert })).not.toBe('served');
  });

  it('turns away an expired certificate', async () => {
    const { authority, port, trust } = await listener();
    expect(await knock(port, { ...trust, ...shown(await materialOf(authority, controller, -5000)) })).not.toBe(
      'served',
    );
  });

  it('never resumes a session', async () => {
    const { authority, port, trust } = await listener();
    const member = shown(await materialOf(authority, controller));
    const sessions: Buffer[] = [];
    const first = connect({
      port,
      host: '127.0.0.1',
      servername: 'fairlead',
      ALPNProtocols: ['h2'],
      ...trust,
      ...member,
    });
    cleanups.push(() => first.destroy());
    first.on('session', (session) => sessions.push(session));
    await new Promise((resolve) => first.once('data', resolve));
    first.destroy();
    for (const session of sessions) {
      const again = connect({
        port,
        host: '127.0.0.1',
        servername: 'fairlead',
        ALPNProtocols: ['h2'],
        session,
        ...trust,
        ...member,
      });
      cleanups.push(() => again.destroy());
      await new Promise((resolve) => again.once('data', resolve));
      expect(again.isSessionReused()).toBe(false);
    }
  });

  it('does not mind who connects and says nothing', async () => {
    const { authority, port, trust } = await listener();
    const silent = connectTcp({ port, host: '127.0.0.1' });
    cleanups.push(() => silent.destroy());
    expect(await knock(port, { ...trust, ...shown(await materialOf(authority, controller)) })).toBe('served');
  });
});

describe('rotation', () => {
  it('keeps an open stream over many changes of material on both sides, and new connections use the new material', async () => {
    const authority = await createAuthority('lab', Date.now());
    const serverSource = materialSource(await materialOf(authority, cloudagent));
    const clientSource = materialSource(await materialOf(authority, controller));
    const port = await listen(serverCredentials(serverSource, 'required'));
    const talk = clientOf(port, channelCredentials(clientSource, cloudagent)).makeBidiStreamRequest(
      '/test/talk',
      bytes,
      bytes,
    );
    const heard: string[] = [];
    talk.on('data', (value: Buffer) => heard.push(value.toString()));
    const serials = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      serverSource.replace(await materialOf(authority, cloudagent));
      clientSource.replace(await materialOf(authority, controller));
      talk.write(Buffer.from(`round ${String(round)}`));
      await expect.poll(() => heard.length).toBe(round + 1);
      const { roots, privateKey, certificateChain } = clientSource.current();
      const probe = connect({
        port,
        host: '127.0.0.1',
        servername: 'fairlead',
        ...tlsRules,
        ca: roots,
        key: privateKey,
        cert: certificateChain,
        checkServerIdentity: pinPeer(cloudagent),
      });
      cleanups.push(() => probe.destroy());
      await new Promise((resolve) => probe.once('secureConnect', resolve));
      serials.add(probe.getPeerCertificate().serialNumber);
      expect(await echo(clientOf(port, channelCredentials(clientSource, cloudagent)))).toBe('hello');
    }
    expect(serials.size).toBe(5);
    talk.end();
    await new Promise((resolve) => talk.once('end', resolve));
  });

  it('keeps the old material when the new pair does not match', async () => {
    const authority = await createAuthority('lab', Date.now());
    const source = materialSource(await materialOf(authority, cloudagent));
    const port = await listen(serverCredentials(source, 'required'));
    const [one, other] = [await materialOf(authority, cloudagent), await materialOf(authority, cloudagent)];
    expect(() => source.replace({ ...one, privateKey: other.privateKey })).toThrow(/private key is not that of/);
    expect(() => source.replace({ ...one, certificateChain: one.certificateChain.slice(0, 500) })).toThrow(/cut off/);
    const client = materialSource(await materialOf(authority, controller));
    expect(await echo(clientOf(port, channelCredentials(client, cloudagent)))).toBe('hello');
  });
});
