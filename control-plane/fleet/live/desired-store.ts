import { wasChanged } from '../../../bus/conflict.js';
import type { Bus } from '../../../bus/connection.js';
import { keyOf } from '../../../bus/declarations.js';
import {
  type DesiredState,
  DesiredStateSchema,
  NodeIntentSchema,
  type NodeMode,
} from '../../../contract/desired-state.js';
import { TidegateError } from '../../../contract/error.js';
import { readPayload } from '../../../contract/payload.js';
import { fencedWrite } from '../fenced-write.js';

export type DesiredContent = Pick<DesiredState, 'placements' | 'pinned' | 'limits'>;

export interface StoredDesired {
  readonly state: DesiredState;
  /** What the next change is written over; also its ETag. */
  readonly revision: number;
}

/** The writers of desired states: each change over the revision that its author saw, so that nobody's is lost. */
export class DesiredStore {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** undefined: there is none. Throws BUS_UNAVAILABLE. */
  async read(model: string): Promise<StoredDesired | undefined> {
    const desired = await this.#reachable();
    const entry = await desired.get(keyOf(this.#bus.environment, model));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { state: parsed(model, entry.string()), revision: entry.revision };
  }

  /**
   * Writes what should be over `revision` (0: there must be none yet); undefined: over whatever is there now. `term`: of the lease of a leader; people
   * write under the term that is there. Throws PRECONDITION_FAILED where `revision` is no longer what is there, CONFLICT where somebody was faster, BUS_UNAVAILABLE.
   */
  async write(model: string, content: DesiredContent, revision?: number, term?: number): Promise<StoredDesired> {
    const current = await this.read(model);
    if (revision !== undefined && revision !== (current?.revision ?? 0))
      throw changed(model, revision, current?.revision ?? 0);
    const next = fencedWrite(current?.state, term ?? current?.state.term ?? 0, content);
    if (next === undefined) {
      throw new TidegateError(
        'CONFLICT',
        `model '${model}': a control plane of a later term leads, this one must not write any more`,
      );
    }
    const text = JSON.stringify(next);
    parsed(model, text);
    const desired = await this.#reachable();
    try {
      const key = keyOf(this.#bus.environment, model);
      const over = current?.revision;
      // A key that was deleted has a revision of its own, which create knows.
      const written = over === undefined ? await desired.create(key, text) : await desired.update(key, text, over);
      return { state: next, revision: written };
    } catch (error) {
      if (wasChanged(error)) throw revision === undefined ? overtaken(model) : changed(model, revision, undefined);
      throw unavailable(error);
    }
  }

  /** Every state that the bucket remembers of a model, oldest first. */
  async history(model: string): Promise<readonly (StoredDesired & { readonly at_ms: number })[]> {
    const desired = await this.#reachable();
    const states: (StoredDesired & { readonly at_ms: number })[] = [];
    for await (const entry of await desired.history({ key: keyOf(this.#bus.environment, model) })) {
      if (entry.operation !== 'PUT') continue;
      const state = parsed(model, entry.string());
      states.push({ state, revision: entry.revision, at_ms: entry.created.getTime() });
    }
    return states;
  }

  /** What an operator wants of a node, over what was said of it before. Returns the revision. */
  async writeMode(node: string, mode: NodeMode, revision: number | undefined): Promise<number> {
    const intents = await this.#reachable('intents');
    const key = keyOf(this.#bus.environment, node);
    const entry = await intents.get(key);
    const found = entry === null || entry.operation !== 'PUT' ? undefined : entry;
    const before = found === undefined ? 0 : found.revision;
    if (revision !== undefined && revision !== before) throw changed(node, revision, before);
    const epoch =
      found === undefined ? 0 : readPayload(`the intent of ${node}`, NodeIntentSchema, found.string()).epoch;
    const text = JSON.stringify({ v: 1, epoch: epoch + 1, mode });
    try {
      return found === undefined ? await intents.create(key, text) : await intents.update(key, text, before);
    } catch (error) {
      if (wasChanged(error)) throw revision === undefined ? overtaken(node) : changed(node, revision, undefined);
      throw unavailable(error);
    }
  }

  /** Forgets a node. One that lives is known again with its next report. */
  async removeNode(node: string): Promise<void> {
    const key = keyOf(this.#bus.environment, node);
    await (await this.#reachable('nodes')).delete(key);
    await (await this.#reachable('intents')).delete(key);
  }

  async #reachable(bucket: 'desired' | 'intents' | 'nodes' = 'desired') {
    if (!this.#bus.isConnected) throw unavailable(new Error('the connection is lost'));
    return this.#bus.bucket(bucket).catch((error: unknown) => {
      throw unavailable(error);
    });
  }
}

function parsed(model: string, text: string): DesiredState {
  return readPayload(`the desired state of ${model}`, DesiredStateSchema, text);
}

function changed(name: string, over: number, found: number | undefined): TidegateError {
  const now = found === undefined ? '' : `: it is at revision ${found} now`;
  return new TidegateError(
    'PRECONDITION_FAILED',
    `'${name}' has changed since revision ${over}${now}: read it again, and change what it is now`,
  );
}

/** Nobody said what they saw, and somebody was faster all the same. */
function overtaken(name: string): TidegateError {
  return new TidegateError('CONFLICT', `'${name}' was changed at the same moment: try again`);
}

function unavailable(cause: unknown): TidegateError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TidegateError('BUS_UNAVAILABLE', `NATS, which keeps the fleet, does not answer: ${why}; try again`, {
    cause,
  });
}
