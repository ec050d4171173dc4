import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { lockDirectory } from '../../std/directory-lock.js';
import { createLog, type Log } from '../../std/log.js';
import { listenError, probeListen } from '../../std/port-holder.js';
import type { Config } from '../../std/settings.js';
import { announceReady, whenOrphaned } from '../../std/supervised.js';
import { busUsers } from './keys.js';
import { findNatsServer } from './nats-program.js';
import { serverConfig } from './server-config.js';

const HOST = '127.0.0.1';
const READY_LIMIT_MS = 30_000;
const POLL_MS = 20;
/** Its streams are flushed in this time; after it, it is ended. */
const STOP_LIMIT_MS = 10_000;
const PortsSchema = z.object({ nats: z.array(z.string()).min(1) });

/** `tidegate nats`: the real nats-server with JetStream, on this machine, in the data directory, until a signal ends it. */
export async function runNatsServer(config: Config): Promise<void> {
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'nats',
    node: config.node_name,
  });
  const directory = resolve(config.data_dir, 'nats');
  await mkdir(directory, { recursive: true });
  const release = lockDirectory(directory, (pid) => {
    const remedy = `end it, or give this one a folder of its own (--data-dir, now '${config.data_dir}')`;
    return new TidegateError('INVALID_CONFIG', `${directory} belongs to the nats-server of process ${pid}: ${remedy}`);
  });
  const program = await findNatsServer(config.nats_server, config.data_dir, (line) => log.info({}, line));
  await endOfEarlierLife(directory, log);
  const write = () => writeConfig(directory, config);
  const file = await write();
  const child = spawn(program, ['-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // In a group of its own: Ctrl-C in a terminal reaches this process alone, which ends it in order.
    detached: true,
  });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const said = speak(child, log);
  stopWith(child, ended);
  // New users, without anybody's connection being lost.
  process.on('SIGHUP', () => {
    write().then(
      () => child.kill('SIGHUP'),
      (error: unknown) => log.error({ error }, 'the users of NATS could not be read again'),
    );
  });
  const url = await listening(child, directory, config.nats_port, said);
  log.info({ url, program }, `listening on ${url}`);
  announceReady(url);
  const code = await ended;
  release();
  process.exitCode = code === 0 || code === null ? 0 : 1;
  // The channel to the supervisor keeps a process alive.
  if (process.connected) process.disconnect();
}

async function writeConfig(directory: string, config: Config): Promise<string> {
  const { node_name, nats_port, nats_leaf_port, nats_hub_url, nats_hub_seed_file, environment } = config;
  const file = join(directory, 'server.conf');
  const plan = {
    name: serverName(node_name),
    host: HOST,
    port: nats_port,
    store_directory: join(directory, 'jetstream'),
    state_directory: directory,
    users: await busUsers(directory, environment),
    ...(nats_leaf_port === 0 ? {} : { leaf_port: nats_leaf_port }),
    ...(nats_hub_url === '' ? {} : { hub: { url: nats_hub_url, seed: await hubSeed(nats_hub_seed_file) } }),
  };
  await writeFile(file, serverConfig(plan), { mode: 0o600 });
  return file;
}

async function hubSeed(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const remedy = 'make it at the hub: tidegate nats-key NAME --site';
    throw new TidegateError('INVALID_CONFIG', `nats_hub_seed_file is '${path}', which cannot be read; ${remedy}`, {
      cause,
    });
  }
}

/** Names of servers are those of nodes as far as NATS takes them. */
function serverName(node: string): string {
  const name = node.toLowerCase();
  return NameSchema.safeParse(name).success ? `tidegate-${name}` : 'tidegate';
}

/** Its lines in our log: warnings and errors, and everything at debug. The last ones tell why it ended. */
function speak(child: ChildProcess, log: Log): string[] {
  const last: string[] = [];
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const text = line.replace(/^\[\d+\] \S+ \S+ /, '');
      last.push(text);
      if (last.length > 20) last.shift();
      if (/^\[(ERR|FTL)\]/.test(text)) log.error({}, text);
      else if (text.startsWith('[WRN]')) log.warn({}, text);
      else log.debug({}, text);
    }
  });
  return last;
}

function stopWith(child: ChildProcess, ended: Promise<unknown>): void {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    void ended.then(() => clearTimeout(late));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  whenOrphaned(stop);
}

/** It writes where it listens when it does. */
async function listening(
  child: ChildProcess,
  directory: string,
  port: number,
  said: readonly string[],
): Promise<string> {
  if (child.pid === undefined) {
    const [error]: unknown[] = await once(child, 'error');
    throw new TidegateError('INTERNAL', `nats-server could not be started: ${String(error)}`);
  }
  const until_ms = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const ports = portsOf(directory, child.pid);
    if (ports !== undefined) return ports.nats[0];
    if (child.exitCode !== null || child.signalCode !== null) {
      const text = said.join('\n');
      if (text.includes('address already in use')) {
        const address = { host: HOST, port, port_setting: '--nats-port or TIDEGATE_NATS_PORT' };
        throw await listenError(address, await probeListen(HOST, port));
      }
      throw new TidegateError('INTERNAL', `nats-server ended while it started:\n${text}`);
    }
    if (performance.now() > until_ms) {
      child.kill('SIGKILL');
      throw new TidegateError(
        'INTERNAL',
        `nats-server did not listen within ${READY_LIMIT_MS} ms:\n${said.join('\n')}`,
      );
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/** The file begins with the name of the program, which may be any. undefined: it is not there, or still being written. */
function portsOf(directory: string, pid: number): z.infer<typeof PortsSchema> | undefined {
  const name = readdirSync(directory).find((each) => each.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  try {
    return PortsSchema.parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Where this process was killed, its nats-server lives on, and holds the port and the streams. It is ended, by its number, and only where
 * the system tells that this number still is a server of this very folder.
 */
async function endOfEarlierLife(directory: string, log: Log): Promise<void> {
  const pid = await readFile(join(directory, 'pid'), 'utf8').then(Number, () => 0);
  if (pid > 1 && (await isServerOf(pid, directory))) {
    log.warn({ pid }, 'the nats-server of an earlier run still runs: ending it');
    process.kill(pid, 'SIGTERM');
    const until_ms = performance.now() + STOP_LIMIT_MS;
    while (await isServerOf(pid, directory)) {
      if (performance.now() > until_ms) process.kill(pid, 'SIGKILL');
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
  for (const name of await readdir(directory)) {
    if (name.endsWith('.ports')) await rm(join(directory, name));
  }
}

async function isServerOf(pid: number, directory: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes(`-c\0${join(directory, 'server.conf')}`);
}
