import { readCertificate } from './certificate-facts.ts';
import { formatIdentity, parseIdentity, type Identity } from './identity.ts';

/** The identity a peer's certificate (DER) names, if it names exactly one and nothing else. */
export function identityOfCertificate(der: Uint8Array): Identity | undefined {
  try {
    const { uris, otherNames } = readCertificate(der);
    const [uri] = uris;
    return uris.length === 1 && otherNames === 0 && uri !== undefined ? parseIdentity(uri) : undefined;
  } catch {
    return undefined;
  }
}

/** For `checkServerIdentity`: the certificate must name exactly the peer that is expected; host names do not count. */
export function pinPeer(expected: Identity): (host: string, certificate: { raw: Uint8Array }) => Error | undefined {
  const wanted = formatIdentity(expected);
  return (_host, { raw }) => {
    const found = identityOfCertificate(raw);
    if (found !== undefined && formatIdentity(found) === wanted) return undefined;
    const seen = found === undefined ? 'somebody without an identity of ours' : formatIdentity(found);
    return new Error(`expected ${wanted} but reached ${seen}: check the address`);
  };
}

/**
 * The whole rule of who may call an lbagent, as `authorise` of its server: undefined for the cloudagent, else why not.
 * PURE.
 */
export function onlyCloudagent(caller: { readonly kind: string }): string | undefined {
  return caller.kind === 'cloudagent' ? undefined : 'only the cloudagent may call this machine: use `fairlead` instead';
}
