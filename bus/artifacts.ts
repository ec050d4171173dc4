import { createHash, type Hash } from 'node:crypto';
import type { ObjectStore } from '@nats-io/obj';
import { TidegateError } from '../contract/error.js';
import type { Bus } from './connection.js';

/** The object store takes pieces of this size. */
const CHUNK_BYTES = 128 * 1024;
const ACK_LIMIT_MS = 5000;

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Files and manifests by the digest of their bytes. An object is there whole or not at all, however an upload ended; and every byte that comes or goes
 * is hashed on its way, so what is under a digest is what it says.
 */
export class Artifacts {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Its size; undefined: it is not there. */
  async size(digest: string): Promise<number | undefined> {
    const info = await (await this.#store()).info(digest);
    return info === null || info.deleted ? undefined : info.size;
  }

  /** What is there already is not stored again. Throws INVALID_BINARY for other bytes than those of the digest: then nothing is stored. */
  async put(digest: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const store = await this.#store();
    if ((await this.size(digest)) !== undefined) {
      for await (const _chunk of checked(digest, bytes));
      return;
    }
    const stream = ReadableStream.from(checked(digest, this.#whileConnected(bytes)));
    await store.put({ name: digest, options: { max_chunk_size: CHUNK_BYTES } }, stream, { timeout: ACK_LIMIT_MS });
  }

  /** What is sent while NATS is away is lost: better to fail at once than to wait for what never comes. */
  async *#whileConnected(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      if (!this.#bus.isConnected)
        throw new TidegateError('BUS_UNAVAILABLE', 'NATS went away during the upload: send it again');
      yield chunk;
    }
  }

  /** Throws NOT_FOUND, and INVALID_BINARY when what is stored is damaged: nothing that was yielded before may be used then. */
  async *get(digest: string): AsyncGenerator<Uint8Array> {
    const found = await (await this.#store()).get(digest);
    if (found === null) throw new TidegateError('NOT_FOUND', `the registry has no bytes of ${digest}`);
    yield* checked(digest, found.data);
    const error = await found.error;
    if (error instanceof Error) throw damaged(digest, error.message);
  }

  /** For what is small: manifests. */
  async bytes(digest: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.get(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** What is named by something else than its own digest: the signature of a manifest. undefined: it is not there. */
  async named(name: string): Promise<Uint8Array | undefined> {
    return (await (await this.#store()).getBlob(name)) ?? undefined;
  }

  async putNamed(name: string, bytes: Uint8Array): Promise<void> {
    await (await this.#store()).putBlob({ name }, bytes);
  }

  async #store(): Promise<ObjectStore> {
    if (this.#bus.isConnected) return this.#bus.artifacts();
    throw new TidegateError('BUS_UNAVAILABLE', 'NATS, which keeps the artefacts, does not answer: try again');
  }
}

/** The same bytes, and an error at their end when they are not those of the digest. */
export async function* checked(digest: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash: Hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw damaged(digest, `${size} bytes that came are ${found}`);
}

function damaged(digest: string, what: string): TidegateError {
  return new TidegateError('INVALID_BINARY', `bytes of ${digest} are damaged: ${what}; send them again`);
}
