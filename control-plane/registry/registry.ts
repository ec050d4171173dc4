import type { KV } from '@nats-io/kv';
import { wasChanged } from '../../bus/conflict.js';
import type { Bus } from '../../bus/connection.js';
import { token } from '../../bus/declarations.js';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import { type ModelRecord, ModelRecordSchema } from '../../contract/registry-record.js';

export interface StoredModel {
  readonly record: ModelRecord;
  /** What the next change is written over; also its ETag. */
  readonly revision: number;
}

/** How often a change is tried again because somebody else changed the same model meanwhile: each of them got something done. */
const MOST_TRIES = 100;

/** Models and their versions in NATS. Every change goes over the revision that it was made from, so that none is ever lost. */
export class Registry {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async models(): Promise<readonly StoredModel[]> {
    const bucket = await this.#bucket();
    const names: string[] = [];
    for await (const key of await bucket.keys('models.*')) names.push(key.slice('models.'.length).replaceAll('=', '.'));
    const found = await Promise.all(names.sort().map((name) => this.find(name)));
    return found.filter((each) => each !== undefined);
  }

  /** undefined: nothing was ever pushed under this name. */
  async find(model: string): Promise<StoredModel | undefined> {
    const entry = await (await this.#bucket()).get(keyOfModel(model));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { record: parsed(model, entry.string()), revision: entry.revision };
  }

  async get(model: string): Promise<StoredModel> {
    const found = await this.find(model);
    if (found !== undefined) return found;
    throw new TidegateError(
      'NOT_FOUND',
      `there is no model '${model}' in the registry: push it (tidegate push DIR --model ${model})`,
    );
  }

  /**
   * Changes a model from what it is now; `make`: what it is where there is none (absent: it must be there). `over`: only from this revision, else PRECONDITION_FAILED.
   * Returns what `change` returns beside the record.
   */
  async change<T>(
    model: string,
    change: (record: ModelRecord) => readonly [ModelRecord, T],
    { make, over }: { readonly make?: () => ModelRecord; readonly over?: number | undefined } = {},
  ): Promise<StoredModel & { readonly result: T }> {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const found = make === undefined ? await this.get(model) : await this.find(model);
      const revision = found?.revision ?? 0;
      if (over !== undefined && over !== revision) {
        throw new TidegateError(
          'PRECONDITION_FAILED',
          `model '${model}' has changed since revision ${over}, it is at ${revision} now: read it again`,
        );
      }
      const before = found?.record ?? make?.();
      if (before === undefined) throw new TidegateError('INTERNAL', `model '${model}' vanished`);
      const [next, result] = change(before);
      if (next === found?.record) return { record: next, revision, result };
      const written = await this.#write(model, next, found?.revision);
      if (written !== undefined) return { record: next, revision: written, result };
    }
    throw new TidegateError('CONFLICT', `model '${model}' is being changed by too many at once: try again`);
  }

  /** undefined: somebody was faster. */
  async #write(model: string, record: ModelRecord, over: number | undefined): Promise<number | undefined> {
    const text = JSON.stringify(record);
    parsed(model, text);
    const bucket = await this.#bucket();
    try {
      return over === undefined
        ? await bucket.create(keyOfModel(model), text)
        : await bucket.update(keyOfModel(model), text, over);
    } catch (error) {
      if (wasChanged(error)) return undefined;
      throw error;
    }
  }

  async #bucket(): Promise<KV> {
    if (this.#bus.isConnected) return this.#bus.bucket('registry');
    throw new TidegateError('BUS_UNAVAILABLE', 'NATS, which keeps the registry, does not answer: try again');
  }
}

function keyOfModel(model: string): string {
  return `models.${token(model)}`;
}

function parsed(model: string, text: string): ModelRecord {
  return readPayload(`the record of model ${model}`, ModelRecordSchema, text);
}
