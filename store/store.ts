import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { TidegateError } from '../contract/error.js';
import { lockDirectory } from '../std/directory-lock.js';
import type { Log } from '../std/log.js';
import { listenError } from '../std/port-holder.js';
import { Engine } from './engine.js';
import { HttpInterface } from './http-interface.js';

export interface StoreOptions {
  /** Folder of the tables; made where it is not there. */
  readonly directory: string;
  /** 0: one that the system gives. */
  readonly port: number;
  readonly memory_bytes: number;
  /** Statements that run at a time; the pool of threads must have as many. */
  readonly max_running: number;
  readonly log: Log;
}

export interface RunningStore {
  readonly url: string;
  /** Accepts nothing more, finishes what runs, and closes the tables. What runs longer than this is left to the end of the process. */
  stop(timeout_ms: number): Promise<void>;
}

/** The store listens on loopback alone: it asks nobody for a password. */
const HOST = '127.0.0.1';
const MOST_WAITING = 1000;
const STOP_POLL_MS = 10;

/** ClickHouse's engine in this process, behind ClickHouse's HTTP interface. Throws INVALID_CONFIG for a taken port or folder. */
export async function startStore(options: StoreOptions): Promise<RunningStore> {
  const { directory, port, memory_bytes, max_running, log } = options;
  mkdirSync(directory, { recursive: true });
  const unlock = lockDirectory(directory, (pid) => inUse(directory, pid));
  try {
    const engine = await Engine.open({ directory, memory_bytes, max_running, max_waiting: MOST_WAITING });
    const face = new HttpInterface({ engine, onError: (error) => log.error({ error }, 'a request failed inside') });
    await listen(face, port);
    const { port: given } = face.server.address() as AddressInfo;
    const stop = async (timeout_ms: number) => {
      face.server.close();
      face.server.closeIdleConnections();
      const until = performance.now() + timeout_ms;
      while (face.open > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, STOP_POLL_MS));
      face.server.closeAllConnections();
      face.close();
      engine.close();
      unlock();
    };
    return { url: `http://${HOST}:${given}`, stop };
  } catch (error) {
    unlock();
    throw error;
  }
}

function listen({ server }: HttpInterface, port: number): Promise<void> {
  const address = { host: HOST, port, port_setting: '--store-port or TIDEGATE_STORE_PORT' };
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => listenError(address, cause).then(reject, reject));
    server.listen(port, HOST, resolve);
  });
}

function inUse(directory: string, pid: number): TidegateError {
  const message = `the store in ${directory} is open in process ${pid}: use that one by CLICKHOUSE_URL, or another data_dir`;
  return new TidegateError('INVALID_CONFIG', message);
}
