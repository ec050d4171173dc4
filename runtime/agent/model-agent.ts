import { TidegateError } from '../../contract/error.js';
import type { KeptState, ObservedModel } from '../../contract/node-status.js';
import { type AgentEffect, type AgentEvent, type AgentState, restarted } from './agent-state.js';
import type { KeptStates } from './kept-states.js';
import { observed, step } from './machine.js';
import type { AgentPorts, VersionBytes } from './ports.js';

type VersionEffect = Extract<AgentEffect, { digest: string }>;

/** Does what the machine of one model asks for, and tells it what came of it. */
export class ModelAgent {
  readonly #model: string;
  readonly #ports: AgentPorts;
  readonly #kept: KeptStates;
  #state: AgentState;
  #closed = false;
  #isStepping = false;
  readonly #waiting: AgentEvent[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #aborts = new Map<number, AbortController>();

  constructor(model: string, kept: KeptState | undefined, ports: AgentPorts, keptStates: KeptStates) {
    this.#model = model;
    this.#ports = ports;
    this.#kept = keptStates;
    this.#state = restarted(kept);
    this.tell({ type: 'tick' });
  }

  get observed(): ObservedModel {
    return observed(this.#state);
  }

  get memory_bytes(): number {
    return this.#state.copies.reduce((sum, { memory_bytes }) => sum + memory_bytes, 0);
  }

  /** Events wait for their turn: what an effect tells at once must not run in the middle of the step that asked for it. */
  tell(event: AgentEvent): void {
    if (this.#closed) return;
    this.#waiting.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        const { state, effects } = step(this.#state, next, this.#ports.now_ms());
        this.#state = state;
        for (const effect of effects) this.#do(effect);
      }
    } finally {
      this.#isStepping = false;
    }
  }

  /** Ends what can be ended, and waits for the rest. What serves goes on serving: stopping the node is somebody else's business. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const abort of this.#aborts.values()) abort.abort(new TidegateError('SHUTTING_DOWN', 'the node is stopping'));
    await Promise.all(this.#running);
  }

  #do(effect: AgentEffect): void {
    const { engine, report, log } = this.#ports;
    const model = this.#model;
    switch (effect.type) {
      case 'switch': {
        const versions = effect.table.map(({ version }) => version);
        engine.switchTo(model, effect.table);
        log.info(
          { model, versions, epoch: this.#state.epoch },
          `requests go to version ${versions.join(', ') || 'none'}`,
        );
        return;
      }
      case 'report':
        report(model, this.observed);
        return;
      case 'cancel':
        this.#aborts.get(effect.op)?.abort(new TidegateError('CANCELLED', 'nobody wants this version any more'));
        return;
      case 'persist':
        this.#run(effect.op, 'persist-failed', async () => {
          await this.#kept.write(model, effect.kept);
          return { type: 'persisted', op: effect.op };
        });
        return;
      default:
        this.#run(effect.op, 'failed', (signal) => this.#outcome(effect, signal));
    }
  }

  #run(op: number, failure: 'failed' | 'persist-failed', work: (signal: AbortSignal) => Promise<AgentEvent>): void {
    const abort = new AbortController();
    this.#aborts.set(op, abort);
    const running = work(abort.signal)
      .catch((thrown: unknown): AgentEvent => {
        const reason = thrown instanceof Error ? thrown.message : String(thrown);
        // Whoever was told to stop has not failed.
        if (!abort.signal.aborted) this.#ports.log.error({ model: this.#model, err: thrown }, reason);
        if (failure === 'persist-failed') return { type: failure, op, reason };
        const no_memory = thrown instanceof TidegateError && thrown.code === 'MEMORY_EXHAUSTED';
        return { type: failure, op, reason, no_memory };
      })
      .then((event) => {
        this.#aborts.delete(op);
        this.#running.delete(running);
        this.tell(event);
      });
    this.#running.add(running);
  }

  async #outcome({ type, op, version, digest }: VersionEffect, signal: AbortSignal): Promise<AgentEvent> {
    const { artefacts, engine } = this.#ports;
    const bytes: VersionBytes = { model: this.#model, version, digest };
    switch (type) {
      case 'fetch':
        await artefacts.fetch(bytes, signal);
        return { type: 'fetched', op };
      case 'verify':
        await artefacts.verify(bytes, signal);
        return { type: 'verified', op };
      case 'load':
        return { type: 'loaded', op, ...(await engine.load(bytes)) };
      case 'warm':
        return await this.#warmed(bytes, op);
      case 'drain':
        await this.#ended('drained', () => engine.drain(bytes));
        return { type: 'drained', op };
      default:
        await this.#ended('unloaded', () => engine.unload(bytes));
        return { type: 'unloaded', op };
    }
  }

  async #warmed(bytes: VersionBytes, op: number): Promise<AgentEvent> {
    try {
      await this.#ports.engine.warm(bytes);
    } catch (thrown) {
      // What is in memory and cannot answer would stay there for ever: the machine takes a failed version for gone.
      await this.#ended('unloaded', () => this.#ports.engine.unload(bytes));
      throw thrown;
    }
    return { type: 'warmed', op };
  }

  /** The way out has no way back: what goes wrong on it is told, and it is over all the same. */
  async #ended(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      this.#ports.log.error({ model: this.#model, err }, `a version could not be ${what} as it should`);
    }
  }
}
