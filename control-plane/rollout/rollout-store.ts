import { wasChanged } from '../../bus/conflict.js';
import type { Bus } from '../../bus/connection.js';
import { keyOf } from '../../bus/declarations.js';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import { type RolloutState, RolloutStateSchema } from './state.js';

export interface KeptRollout {
  readonly state: RolloutState;
  readonly revision: number;
}

/** Where rollouts stand, in NATS: of two control planes that believe to lead, only one has its next state taken. */
export class RolloutStore {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** undefined: there is none of this name. Throws BUS_UNAVAILABLE. */
  async read(name: string): Promise<KeptRollout | undefined> {
    const bucket = await this.#reachable();
    const entry = await bucket.get(keyOf(this.#bus.environment, name));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    const state = readPayload(`the rollout ${name}`, RolloutStateSchema, entry.string());
    return { state, revision: entry.revision };
  }

  /** Over revision 0 it must be new. undefined: somebody else was faster, and nothing was written. Throws BUS_UNAVAILABLE. */
  async write(state: RolloutState, over: number): Promise<number | undefined> {
    const bucket = await this.#reachable();
    const key = keyOf(this.#bus.environment, state.name);
    const text = JSON.stringify(state);
    try {
      return over === 0 ? await bucket.create(key, text) : await bucket.update(key, text, over);
    } catch (error) {
      if (wasChanged(error)) return undefined;
      throw unavailable(error);
    }
  }

  async #reachable() {
    if (!this.#bus.isConnected) throw unavailable(new Error('the connection is lost'));
    return this.#bus.bucket('rollouts').catch((error: unknown) => {
      throw unavailable(error);
    });
  }
}

function unavailable(cause: unknown): TidegateError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TidegateError('BUS_UNAVAILABLE', `NATS, which keeps rollouts, does not answer: ${why}; try again`, {
    cause,
  });
}
