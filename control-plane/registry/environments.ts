import type { Bus } from '../../bus/connection.js';
import { token } from '../../bus/declarations.js';
import { type Environment, EnvironmentRecordSchema } from '../../contract/environment.js';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';

/** What each environment asks of versions, in NATS. One that asks for nothing has no record, and takes any version. */
export class Environments {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** undefined: it asks for nothing. */
  async find(environment: string): Promise<Environment | undefined> {
    const bucket = await this.#bucket();
    const entry = await bucket.get(keyOf(environment));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return readPayload(`the policy of ${environment}`, EnvironmentRecordSchema, entry.string());
  }

  async set(environment: string, { requires }: Environment): Promise<void> {
    const bucket = await this.#bucket();
    await bucket.put(keyOf(environment), JSON.stringify({ v: 1, requires }));
  }

  async all(): Promise<readonly (Environment & { readonly environment: string })[]> {
    const bucket = await this.#bucket();
    const names: string[] = [];
    for await (const key of await bucket.keys('environments.*'))
      names.push(key.slice('environments.'.length).replaceAll('=', '.'));
    const found = await Promise.all(names.sort().map(async (name) => ({ name, policy: await this.find(name) })));
    return found.flatMap(({ name, policy }) =>
      policy === undefined ? [] : [{ environment: name, requires: policy.requires }],
    );
  }

  async #bucket() {
    if (this.#bus.isConnected) return this.#bus.bucket('registry');
    throw new TidegateError('BUS_UNAVAILABLE', 'NATS, which keeps the registry, does not answer: try again');
  }
}

function keyOf(environment: string): string {
  return `environments.${token(environment)}`;
}
