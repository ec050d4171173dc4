import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { compare, nanos, parseSemVer } from '@nats-io/transport-node';
import { TidegateError } from '../contract/error.js';
import type { Bus } from './connection.js';
import { ARTIFACTS, BUCKETS, type BucketDeclaration, STREAMS, type StreamDeclaration } from './declarations.js';

const MOST_FOLLOWERS = 100_000;
const STREAM_NOT_FOUND = 10_059;
const STREAM_NAME_IN_USE = 10_058;

/** Makes what is not there, and changes what differs. May be done by several at once, and any number of times. */
export async function declareAll(bus: Bus): Promise<void> {
  for (const stream of STREAMS) await declareStream(bus, stream);
  for (const bucket of Object.values(BUCKETS)) await declareBucket(bus, bucket);
  await declareArtifacts(bus);
}

async function declareStream(bus: Bus, declared: StreamDeclaration): Promise<void> {
  const { streams } = await bus.manager();
  const config = streamConfig(declared, bus);
  await told(`the stream ${declared.name}`, async () => {
    try {
      await streams.info(declared.name);
    } catch (error) {
      if (!isApiError(error, STREAM_NOT_FOUND)) throw error;
      await streams.add(config).catch((late: unknown) => {
        // Another process was faster: what it made is made equal below.
        if (!isApiError(late, STREAM_NAME_IN_USE)) throw late;
      });
    }
    await streams.update(declared.name, config);
  });
}

function streamConfig(declared: StreamDeclaration, bus: Bus): Partial<StreamConfig> & { readonly name: string } {
  const { name, description, subjects, keeps, max_age_ms, max_bytes, duplicate_window_ms } = declared;
  return {
    name,
    description,
    subjects: [...subjects],
    retention: keeps === 'work' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    // Work that finds no room is refused, for its sender to keep; what only tells makes room for what is newer.
    discard: keeps === 'work' ? DiscardPolicy.New : DiscardPolicy.Old,
    storage: StorageType.File,
    max_age: nanos(max_age_ms),
    max_bytes,
    duplicate_window: nanos(duplicate_window_ms),
    num_replicas: bus.replicas,
    allow_direct: true,
    ...(limitsConsumers(bus) ? { max_consumers: MOST_FOLLOWERS } : {}),
  };
}

/** The library makes a bucket where there is none, and leaves one that is there as it is. */
async function declareBucket(
  bus: Bus,
  { name, description, history, ttl_ms, storage: where }: BucketDeclaration,
): Promise<void> {
  const storage = where === 'memory' ? StorageType.Memory : StorageType.File;
  const options = { description, history, ttl: ttl_ms, replicas: bus.replicas, storage };
  await told(`the bucket ${name}`, async () => {
    const bucket = await new Kvm(bus.connection).create(name, options);
    const { streamInfo } = await bucket.status();
    const wanted = {
      description,
      max_msgs_per_subject: history,
      max_age: nanos(ttl_ms),
      num_replicas: bus.replicas,
    };
    const { config } = streamInfo;
    // Every node follows its states by a consumer. Servers from 2.15 allow a thousand unless the stream says more; older ones set no limit, and change none.
    const isNarrow = config.max_consumers < MOST_FOLLOWERS && limitsConsumers(bus);
    const isSame =
      !isNarrow &&
      config.description === description &&
      config.max_msgs_per_subject === history &&
      config.max_age === wanted.max_age &&
      config.num_replicas === bus.replicas;
    if (isSame) return;
    const { streams } = await bus.manager();
    const limits = isNarrow ? { max_consumers: MOST_FOLLOWERS } : {};
    await streams.update(config.name, { ...config, ...wanted, ...limits });
  });
}

function limitsConsumers({ connection }: Bus): boolean {
  return compare(parseSemVer(connection.info?.version ?? '0.0.0'), parseSemVer('2.15.0')) >= 0;
}

async function declareArtifacts(bus: Bus): Promise<void> {
  const { name, description } = ARTIFACTS;
  const options = { description, replicas: bus.replicas, storage: StorageType.File };
  await told(`the object store ${name}`, async () => {
    await new Objm(bus.connection).create(name, options);
    const { streams } = await bus.manager();
    const { config } = await streams.info(`OBJ_${name}`);
    if (config.max_consumers >= MOST_FOLLOWERS || !limitsConsumers(bus)) return;
    const wider = { ...config, max_consumers: MOST_FOLLOWERS };
    await streams.update(config.name, wider);
  });
}

async function told(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('BUS_UNAVAILABLE', `${what} could not be made in NATS: ${why}`, { cause });
  }
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
