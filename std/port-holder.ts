import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { TidegateError } from '../contract/error.js';

const LISTENING = '0A';

/** Where somebody wants to listen, and the settings that say so. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** `--port or TIDEGATE_HTTP_PORT` */
  readonly port_setting: string;
}

/** Why nothing can listen there, for people: names the port, the setting, and who holds the port where the system tells. */
export async function listenError(address: ListenAddress, cause: unknown): Promise<TidegateError> {
  const { host, port, port_setting } = address;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const remedy = `choose another one with ${port_setting}`;
  if (code === 'EADDRINUSE') {
    const holder = await portHolder(port);
    const by = holder === undefined ? 'another process' : holder;
    return new TidegateError('INVALID_CONFIG', `port ${port} on ${host} is taken by ${by}: ${remedy}`, { cause });
  }
  if (code === 'EACCES') {
    return new TidegateError('INVALID_CONFIG', `port ${port} needs more rights than this process has: ${remedy}`, {
      cause,
    });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TidegateError(
    'INVALID_CONFIG',
    `cannot listen on ${host}, port ${port}: ${why}; the host is --host or TIDEGATE_HOST, the port ${port_setting}`,
    { cause },
  );
}

/** uWebSockets.js says that it cannot listen, and not why: Node is asked the same to find out. */
export function probeListen(host: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(new Error('the socket library gives no reason')));
    });
  });
}

/** The process that listens on a TCP port, as `name (pid N)`: known on Linux, for processes that this one may look at. */
export async function portHolder(port: number): Promise<string | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8').catch(() => '')).split('\n')) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== LISTENING || inode === undefined) continue;
      if (Number.parseInt(local.split(':')[1] ?? '', 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (/^\d+$/.test(pid) && (await holdsOneOf(pid, inodes))) {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function holdsOneOf(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    if (inodes.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) return true;
  }
  return false;
}
