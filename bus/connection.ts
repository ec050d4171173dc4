import { readFile } from 'node:fs/promises';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { type ObjectStore, Objm } from '@nats-io/obj';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { TidegateError } from '../contract/error.js';
import type { Config } from '../std/settings.js';
import { ARTIFACTS, BUCKETS, type BucketName, token } from './declarations.js';
import { inboxPrefix } from './permissions.js';

type Fields = Readonly<Record<string, unknown>>;

export interface BusLog {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export type BusSettings = Pick<
  Config,
  | 'nats_url'
  | 'nats_seed_file'
  | 'nats_creds_file'
  | 'nats_user'
  | 'nats_password'
  | 'nats_ca_file'
  | 'nats_replicas'
  | 'environment'
  | 'node_name'
>;

const RECONNECT_MS = 500;
const CONNECT_LIMIT_MS = 5000;

/** A connection to NATS, and what Tidegate keeps there. It comes back by itself, for as long as the process lives. */
export class Bus {
  readonly connection: NatsConnection;
  readonly environment: string;
  readonly replicas: number;
  /** What is asked while it is false gets no answer, not even after the connection has come back. */
  isConnected = true;
  readonly #onReturn = new Set<() => void>();
  readonly #buckets = new Map<string, Promise<KV>>();
  readonly #stores = new Map<string, Promise<ObjectStore>>();
  readonly #managers = new Map<string, Promise<JetStreamManager>>();

  constructor(connection: NatsConnection, { environment, nats_replicas }: BusSettings) {
    this.connection = connection;
    this.environment = environment;
    this.replicas = nats_replicas;
  }

  get js(): JetStreamClient {
    return jetstream(this.connection);
  }

  /** For declaring streams and looking at them: not everybody may. */
  manager(): Promise<JetStreamManager> {
    return opened(this.#managers, '', () => jetstreamManager(this.connection, { checkAPI: false }));
  }

  /** A bucket that has been declared. */
  bucket(name: BucketName): Promise<KV> {
    const { name: bucket } = BUCKETS[name];
    const options = { bindOnly: true, allow_direct: true };
    return opened(this.#buckets, bucket, () => new Kvm(this.connection).open(bucket, options));
  }

  /** Whether this environment has any keys in a bucket: one question, however many there are. */
  async hasKeys(name: BucketName): Promise<boolean> {
    const { name: bucket } = BUCKETS[name];
    const { streams } = await this.manager();
    const filter = `$KV.${bucket}.${token(this.environment)}.>`;
    const { state } = await streams.info(`KV_${bucket}`, { subjects_filter: filter });
    return Object.keys(state.subjects ?? {}).length > 0;
  }

  artifacts(): Promise<ObjectStore> {
    return opened(this.#stores, ARTIFACTS.name, () => new Objm(this.connection).open(ARTIFACTS.name, false));
  }

  /** Calls back each time that the connection is back; returns how to end that. */
  onReturn(call: () => void): () => void {
    this.#onReturn.add(call);
    return () => this.#onReturn.delete(call);
  }

  returned(): void {
    for (const call of this.#onReturn) call();
  }

  /** What was sent is with the server when it resolves. */
  close(): Promise<void> {
    return this.connection.drain();
  }
}

/** Opened once; what could not be opened is tried again by whoever asks next. */
function opened<T>(all: Map<string, Promise<T>>, name: string, open: () => Promise<T>): Promise<T> {
  const found = all.get(name);
  if (found !== undefined) return found;
  const opening = open();
  all.set(name, opening);
  opening.catch(() => all.delete(name));
  return opening;
}

/** Connects, and keeps connected. `patient`: a server that is not there yet is waited for, else BUS_UNAVAILABLE says what was tried. */
export async function connectBus(
  settings: BusSettings,
  log: BusLog,
  role: 'control' | 'node',
  patient = false,
): Promise<Bus> {
  const { nats_url, nats_ca_file, environment, node_name } = settings;
  const servers = nats_url.split(',').map((url) => url.trim());
  const authenticator = await authenticatorOf(settings);
  try {
    const connection = await connect({
      servers,
      name: `tidegate ${role} ${node_name}`,
      // Within its own subjects every user may listen for answers, and to nobody else's.
      inboxPrefix: role === 'node' ? inboxPrefix(environment, node_name) : '_INBOX',
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      timeout: CONNECT_LIMIT_MS,
      waitOnFirstConnect: patient,
      ...(authenticator === undefined ? {} : { authenticator }),
      ...(nats_ca_file === '' ? {} : { tls: { caFile: nats_ca_file } }),
    });
    const bus = new Bus(connection, settings);
    void follow(bus, log);
    return bus;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const remedy =
      'is a nats-server there, and does it know this user? (settings nats_url, nats_seed_file, nats_creds_file)';
    throw new TidegateError(
      'BUS_UNAVAILABLE',
      `NATS at ${servers.join(', ')} does not take a connection: ${why}; ${remedy}`,
      {
        cause,
      },
    );
  }
}

/** undefined: the server asks nobody who they are, or the URL says it. */
async function authenticatorOf(settings: BusSettings): Promise<Authenticator | undefined> {
  const { nats_seed_file, nats_creds_file, nats_user, nats_password } = settings;
  if (nats_seed_file !== '') {
    const seed = (await secretFile('nats_seed_file', nats_seed_file)).toString('utf8').trim();
    return nkeyAuthenticator(new TextEncoder().encode(seed));
  }
  if (nats_creds_file !== '') return credsAuthenticator(await secretFile('nats_creds_file', nats_creds_file));
  return nats_user === '' ? undefined : usernamePasswordAuthenticator(nats_user, nats_password);
}

async function secretFile(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `${setting} names ${path}, which cannot be read: ${String(cause)}`, {
      cause,
    });
  }
}

async function follow(bus: Bus, log: BusLog): Promise<void> {
  for await (const status of bus.connection.status()) {
    if (status.type === 'disconnect') {
      bus.isConnected = false;
      log.warn({ server: status.server }, 'NATS is away: trying again until it is back');
    } else if (status.type === 'reconnect') {
      bus.isConnected = true;
      log.info({ server: status.server }, 'NATS is back');
      bus.returned();
    } else if (status.type === 'error') log.error({ error: status.error }, 'NATS refused something');
  }
}
