import {
  formatIdentity,
  filesAt,
  openAuthority,
  rootFingerprint,
  type AuthorityState,
  type CloudagentIdentity,
  type EnrolledIdentity,
  type MaterialFacts,
  type MaterialSource,
  type Place,
  type Validity,
} from '@fairlead/certs';
import { CertificatesService, IdentityService, serve, type Authorise, type ServedService } from '@fairlead/rpc';
import type { Logger } from '@fairlead/telemetry';
import { whyNot, type Role } from '../authorise.ts';
import type { Store } from '../store/store.ts';
import { certificatesService } from './certificates-service.ts';
import { certifier } from './certifier.ts';
import { identityService } from './identity-service.ts';
import { makeJoinToken, type JoinTokenWish, type MadeJoinToken } from './join-tokens.ts';
import { nonceBook } from './nonces.ts';
import { keepOwnCertificate } from './own-certificate.ts';
import { identityRecords, type CertificateRecord, type OperatorRecord } from './records.ts';

/** What the identity of a site is opened with. */
export interface SiteIdentitySettings {
  /** Where the authority's keys live; made there at the first start. */
  readonly place: Place;
  readonly site: string;
  readonly store: Store;
  readonly log: Logger;
  /** HOST:PORT of the join and the control port, as others reach them; asked when a join token is made. */
  readonly addresses: () => { readonly join: string; readonly control: string };
  /** Lifetime of leaves in milliseconds; that of their kind when absent. */
  readonly lifetime?: number;
  /** How long after its end a certificate may still be renewed, milliseconds; 90 days when absent, 0: not at all. */
  readonly grace?: number;
  /** Whether a resource declares the identity: one more way to know it when its certificate is past its end. */
  readonly isDeclared?: (identity: EnrolledIdentity) => boolean;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** 0 ≤ random < 1. */
  readonly random?: () => number;
  /** Told why the own certificate is not renewed, one sentence, and undefined once it is. */
  readonly onProblem?: (problem: string | undefined) => void;
}

/** The identity of a site: who it is, whom it certifies, and who may call what. */
export interface SiteIdentity {
  readonly identity: CloudagentIdentity;
  /** Own material, always the newest, for the control port, the join port and calls to machines. */
  readonly source: MaterialSource;
  /** For `startServer` of every port and the admin socket. */
  readonly authorise: Authorise;
  /** For the join port. */
  readonly identityService: ServedService;
  /** For the control port and the admin socket. */
  readonly certificatesService: ServedService;
  makeJoinToken(wish: JoinTokenWish): Promise<MadeJoinToken>;
  /** Of the own certificate. For metrics. */
  validity(): Validity;
  /** Stops renewing the own certificate. */
  stop(): Promise<void>;
}

/**
 * Opens the site's identity: loads the authority or makes it, certifies the cloudagent itself, reads the roles of
 * operators. Throws when what is there is of another site, damaged, or gone although the site has an authority.
 */
export async function openIdentity(settings: SiteIdentitySettings): Promise<SiteIdentity> {
  const { place, site, store, log, now = Date.now, random = Math.random } = settings;
  const records = identityRecords(store);
  const open = async (known?: AuthorityState): Promise<AuthorityState> =>
    openAuthority(place, { site, now: now(), known, knownRoot: await records.knownRoot() });
  let authority = await open();
  await records.rememberRoot(rootFingerprint(authority));
  let operators = await records.operators();
  const roleOf = (operator: string): Role | undefined => operators.get(operator)?.role;
  const freshAuthority = async (): Promise<AuthorityState> => {
    try {
      return (authority = await open(authority));
    } catch (err) {
      if (!filesAt(place).shared) throw err;
      log.warn({ err }, 'the authority could not be read again: going on with what was read before');
      return authority;
    }
  };
  const { lifetime, onProblem } = settings;
  const options = { ...(lifetime === undefined ? {} : { lifetime }), ...(onProblem ? { onProblem } : {}) };
  const own = await keepOwnCertificate({ site, freshAuthority, log, now, random, ...options });
  const roots = (): Uint8Array[] => [authority.root.certificate];
  const nonces = nonceBook();
  const makeToken = async (wish: JoinTokenWish): Promise<MadeJoinToken> => {
    const rootCertificate = (): Uint8Array => authority.root.certificate;
    return await makeJoinToken({ site, records, log, now, addresses: settings.addresses, rootCertificate }, wish);
  };
  const readOperators = async (): Promise<ReadonlyMap<string, OperatorRecord>> =>
    (operators = await records.operators());
  return {
    identity: { kind: 'cloudagent', site },
    source: own.source,
    authorise: (caller, method) => whyNot(caller, method, roleOf),
    identityService: serve(
      IdentityService,
      identityService({
        certifier: certifier({ ...certifierSettings(settings), authority: () => authority, records, nonces, now }),
        nonces,
        roots,
        log,
        now,
        onEnrolled: async () => void (await readOperators()),
      }),
    ),
    certificatesService: serve(
      CertificatesService,
      certificatesService({
        makeJoinToken: makeToken,
        certificates: async () => [recordOf(own.facts()), ...(await records.certificates(now()))],
      }),
    ),
    makeJoinToken: makeToken,
    validity: () => own.facts(),
    stop: async () => await own.stop(),
  };
}

function certifierSettings({ lifetime, grace, isDeclared }: SiteIdentitySettings): {
  lifetimeOf?: () => number;
  grace?: number;
  isDeclared?: (identity: EnrolledIdentity) => boolean;
} {
  return {
    ...(lifetime === undefined ? {} : { lifetimeOf: () => lifetime }),
    ...(grace === undefined ? {} : { grace }),
    ...(isDeclared === undefined ? {} : { isDeclared }),
  };
}

function recordOf({ identity, serial, notBefore, notAfter }: MaterialFacts): CertificateRecord {
  return { serial, identity: formatIdentity(identity), notBefore, notAfter };
}
