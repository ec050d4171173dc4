import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { nanos } from '@nats-io/transport-node';
import { TidegateError } from '../contract/error.js';
import type { Bus } from './connection.js';
import { ARTIFACTS, BUCKETS, type BucketDeclaration, STREAMS, type StreamDeclaration } from './declarations.js';

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
  const config = streamConfig(declared, bus.replicas);
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

function streamConfig(
  declared: StreamDeclaration,
  replicas: number,
): Partial<StreamConfig> & { readonly name: string } {
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
    num_replicas: replicas,
    allow_direct: true,
  };
}

/** The library makes a bucket where there is none, and leaves one that is there as it is. */
async function declareBucket(bus: Bus, { name, description, history, ttl_ms }: BucketDeclaration): Promise<void> {
  const options = { description, history, ttl: ttl_ms, replicas: bus.replicas, storage: StorageType.File };
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
    const isSame =
      config.description === description &&
      config.max_msgs_per_subject === history &&
      config.max_age === wanted.max_age &&
      config.num_replicas === bus.replicas;
    if (isSame) return;
    const { streams } = await bus.manager();
    await streams.update(config.name, { ...config, ...wanted });
  });
}

async function declareArtifacts(bus: Bus): Promise<void> {
  const { name, description } = ARTIFACTS;
  const options = { description, replicas: bus.replicas, storage: StorageType.File };
  await told(`the object store ${name}`, () => new Objm(bus.connection).create(name, options));
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
