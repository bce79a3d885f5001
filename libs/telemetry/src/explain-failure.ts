/** What Node tells about a refusal of the operating system (https://nodejs.org/api/errors.html#class-systemerror). */
interface SystemError {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
}

/**
 * One sentence on what is wrong and what to do. A refusal of the operating system is told in its terms (which file, which
 * port); every other error says it itself.
 */
export function explainFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const system = error as Error & Partial<SystemError>;
  if (!isSystemError(system)) return error.message;
  return (isOfNetwork(system) ? explainNetwork(system) : explainFile(system)) ?? error.message;
}

function isSystemError(error: Error & Partial<SystemError>): error is Error & SystemError {
  return typeof error.code === 'string';
}

/** What a flag asked for, or a rejection that names the flag and says what to do. */
export async function asFlagged<T>(flag: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw new Error(`${flag}: ${explainFailure(error)}`, { cause: error });
  });
}

function isOfNetwork({ syscall = '' }: SystemError): boolean {
  return ['listen', 'bind', 'connect', 'getaddrinfo'].includes(syscall);
}

function explainNetwork(error: SystemError): string | undefined {
  const { hostname = 'of the address', address = hostname, port, code } = error;
  const at = port === undefined || port < 0 ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${at} is taken by another process (\`ss -lntp\` names it): end that one, or choose another port`;
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine (\`ip address\` lists them): choose one that is, or 0.0.0.0`;
    case 'EACCES':
      return `this user may not listen on ${at}: choose a port above 1023, or give it CAP_NET_BIND_SERVICE`;
    case 'ECONNREFUSED':
      return `${at} refuses connections: see that what should listen there runs`;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `${at} cannot be reached: see that it is up, and that routes and firewalls let this machine through`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${hostname} cannot be resolved: correct it, or see to the name server`;
    default:
      return undefined;
  }
}

function explainFile(error: SystemError): string | undefined {
  const { code, path } = error;
  const it = path ?? 'a file';
  switch (code) {
    case 'ENOSPC':
      return `there is no room left for ${it}: make room on its file system (space and inodes)`;
    case 'EDQUOT':
      return `the quota leaves no room for ${it}: make room, or raise it`;
    case 'EROFS':
      return `${it} is on a file system that is mounted read-only: mount it writable, or choose another directory`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not ${verbOf(error)} ${it}: correct owner and mode of it and of its directory`;
    case 'ENOENT':
      return `${it} is not there: make it, or correct its path`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${it} is in the way, a file where a directory is needed: move it away, or correct the path`;
    case 'EISDIR':
      return `${error.dest ?? it} is a directory where a file is needed: move it away, or correct the path`;
    case 'EIO':
      return `the disk fails at ${it} (input/output error): see the kernel's log, and replace the disk`;
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files and connections are open: raise the limit (LimitNOFILE in the unit)';
    case 'ENAMETOOLONG':
      return `the path ${it} is too long: choose a shorter one`;
    default:
      return undefined;
  }
}

const READING = new Set(['read', 'readlink', 'scandir', 'stat', 'lstat', 'access']);

function verbOf({ syscall = '' }: SystemError): string {
  if (syscall === 'open') return 'open';
  return READING.has(syscall) ? 'read' : 'write';
}
