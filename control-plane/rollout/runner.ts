import { TidegateError } from '../../contract/error.js';
import type { DesiredStore, StoredDesired } from '../fleet/live/desired-store.js';
import { begun, type RolloutEffect, type RolloutEvent, rolloutStep } from './machine.js';
import { planProblem } from './plan.js';
import type { RolloutStore } from './rollout-store.js';
import type { Candidate, RolloutState } from './state.js';

/** Others may write at the same moment; who loses so often in a row has a fault, not bad luck. */
const MOST_TRIES = 16;

export interface RunnerParts {
  readonly rollouts: RolloutStore;
  readonly desired: DesiredStore;
  /** Of the lease under which this process leads; undefined: it does not, and must do nothing. */
  readonly term: () => number | undefined;
  readonly now_ms: () => number;
  readonly told: (rollout: string, effect: RolloutEffect & { readonly type: 'tell' }) => void;
}

/** Does what the machine decides: keeps its state first, acts then, and tells it what became of that. */
export class RolloutRunner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Throws INVALID_CONFIG for what cannot be rolled out, CONFLICT where there is a rollout of that name. */
  async start(what: Pick<RolloutState, 'name' | 'model' | 'policy'> & { candidate: Candidate }): Promise<RolloutState> {
    const { rollouts, desired, now_ms } = this.#parts;
    const deployed = await desired.read(what.model);
    const problem = planProblem(deployed?.state.placements ?? [], what.candidate, what.policy);
    if (deployed === undefined || problem !== undefined) {
      throw new TidegateError('INVALID_CONFIG', `model '${what.model}' cannot be rolled out: ${problem}`);
    }
    const state = begun(what, contentOf(deployed), now_ms());
    if ((await rollouts.write(state, 0)) === undefined) {
      throw new TidegateError('CONFLICT', `there is a rollout '${what.name}' already: give this one another name`);
    }
    return state;
  }

  /** What happened. Returns the state after it and all that followed at once. */
  async tell(name: string, event: RolloutEvent): Promise<RolloutState> {
    const { rollouts, now_ms, told } = this.#parts;
    const events: RolloutEvent[] = [event];
    let last: RolloutState | undefined;
    for (let tries = 0; events.length > 0 || last === undefined; tries++) {
      if (tries >= MOST_TRIES) throw new TidegateError('CONFLICT', `rollout '${name}' changes all the time: try again`);
      const kept = await rollouts.read(name);
      if (kept === undefined) throw new TidegateError('NOT_FOUND', `there is no rollout '${name}'`);
      const { state, effects } = rolloutStep(kept.state, events[0], now_ms());
      const isSame = JSON.stringify(state) === JSON.stringify(kept.state);
      // Somebody was faster: the same event may mean something else now.
      if (!isSame && (await rollouts.write(state, kept.revision)) === undefined) continue;
      events.shift();
      last = state;
      for (const effect of effects) {
        if (effect.type === 'tell') told(name, effect);
        else events.push(...(await this.#write(state.model, effect)));
      }
    }
    return last;
  }

  async #write(model: string, { op, over, placements }: RolloutEffect & { type: 'write' }): Promise<RolloutEvent[]> {
    const { desired, term } = this.#parts;
    const current = await desired.read(model);
    const mine = term();
    // Whoever leads next finds the write in the state, and does it.
    if (mine === undefined) return [];
    if (current?.revision !== over) return found(current);
    const { pinned, limits } = current.state;
    try {
      const written = await desired.write(model, { placements, pinned, limits }, over, mine);
      return [{ type: 'written', op, revision: written.revision, epoch: written.state.epoch }];
    } catch (error) {
      const isOvertaken =
        error instanceof TidegateError && (error.code === 'PRECONDITION_FAILED' || error.code === 'CONFLICT');
      if (!isOvertaken) throw error;
      const now = await desired.read(model);
      return now?.revision === over ? [] : found(now);
    }
  }
}

function found(stored: StoredDesired | undefined): RolloutEvent[] {
  return [stored === undefined ? { type: 'gone' } : { type: 'found', ...contentOf(stored) }];
}

function contentOf({ state, revision }: StoredDesired) {
  return { revision, epoch: state.epoch, placements: state.placements };
}
