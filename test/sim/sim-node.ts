import { type DesiredState, versionsFor } from '../../contract/desired-state.js';
import type { KeptState } from '../../contract/node-status.js';
import { judgeModel, type NodeJudgement } from '../../control-plane/fleet/convergence.js';
import { type AgentEffect, type AgentEvent, type AgentState, restarted } from '../../runtime/agent/agent-state.js';
import { observed, type step } from '../../runtime/agent/machine.js';
import type { Invariants, NodeIdentity } from './invariants.js';
import type { Network, Random } from './network.js';
import type { Schedule } from './schedule.js';
import type { Store } from './store.js';

export interface NodeWorld {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly random: Random;
  readonly store: Store;
  readonly invariants: Invariants;
  readonly step: typeof step;
  /** Versions that cannot be loaded by anybody, ever. */
  readonly broken: ReadonlySet<string>;
}

const TICK_MS = 1_000;
/** A champion that serves and two versions that come: what is kept for the way back has to go then. */
const MOST_IN_MEMORY = 3;

/** A node: the real machine, and around it a disk, a memory and a clock that misbehave. */
export class SimNode {
  readonly identity: NodeIdentity;
  state: AgentState;
  isUp = true;
  isSlow = false;
  readonly memory = new Set<string>();
  readonly #world: NodeWorld;
  readonly #artefacts = new Set<string>();
  #disk: KeptState | undefined;
  #life = 0;
  #clock_ms: number;

  constructor(identity: NodeIdentity, world: NodeWorld) {
    this.identity = identity;
    this.#world = world;
    this.#clock_ms = world.random() * 1e6;
    this.state = restarted(undefined);
    this.#tick(this.#life);
  }

  crash(): void {
    this.isUp = false;
    this.#life++;
    this.memory.clear();
    this.state = restarted(undefined);
  }

  restart(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.state = restarted(this.#disk);
    // A disk that knows less than what was acted on before the crash would be a way back for an old epoch.
    this.#world.invariants.adopted(this.identity.name, this.state.epoch);
    this.#tick(this.#life);
  }

  jump(): void {
    this.#clock_ms += (this.#world.random() - 0.5) * 1e6;
  }

  /** The threads of something that serves have died too often. */
  lose(): void {
    const lost = this.state.copies.find(({ phase }) => phase === 'ready');
    if (!this.isUp || lost === undefined) return;
    this.memory.delete(lost.digest);
    this.#tell({ type: 'lost', digest: lost.digest, reason: 'its threads died three times within a minute' });
  }

  hear(state: DesiredState | undefined): void {
    if (!this.isUp || state === undefined) return;
    this.#tell({ type: 'desired', epoch: state.epoch, versions: versionsFor(state, this.identity) });
  }

  /** Watches lose messages: so the key is read again and again. */
  #tick(life: number): void {
    if (life !== this.#life || !this.isUp) return;
    const { network, store, schedule } = this.#world;
    const { name } = this.identity;
    this.#tell({ type: 'tick' });
    network.send(name, () => {
      const { value } = store.desired.entry;
      network.send(name, () => this.hear(value));
    });
    schedule.after(TICK_MS, () => this.#tick(life));
  }

  #tell(event: AgentEvent): void {
    const before = this.state;
    const { state, effects } = this.#world.step(before, event, this.#world.schedule.now_ms + this.#clock_ms);
    this.state = state;
    const { name } = this.identity;
    const { invariants } = this.#world;
    if (state.epoch !== before.epoch) invariants.adopted(name, state.epoch);
    if (state.table !== before.table) {
      // Nobody can serve what the node has just lost.
      const mayBeEmpty = state.wanted.length === 0 || event.type === 'lost';
      invariants.switched(name, before.table, state.table, mayBeEmpty, this.memory);
    }
    for (const effect of effects) this.#do(effect);
    if (effects.length > 0) invariants.judged(name, this.judgement());
  }

  /** What a control plane that sees everything at once says of it; undefined: the model has nothing to do with it. */
  judgement(): NodeJudgement | undefined {
    const desired = this.#world.store.desired.entry.value;
    if (desired === undefined) return undefined;
    const { name, labels } = this.identity;
    const models = { iris: observed(this.state) };
    const status = {
      v: 1 as const,
      node: name,
      life: 1,
      seq: 1,
      at_us: 0,
      labels,
      memory_bytes: 0,
      memory_used_bytes: 0,
      models,
      load: [],
    };
    const node = { name, labels, mode: 'active' as const, status, heard_ms: 0 };
    return judgeModel('iris', { state: desired, since_ms: 0 }, [node], 0).nodes[0];
  }

  #do(effect: AgentEffect): void {
    if (effect.type === 'switch' || effect.type === 'report' || effect.type === 'cancel') return;
    const life = this.#life;
    const { random, schedule, network } = this.#world;
    const delay_ms = random() * (this.isSlow ? 4_000 : 80);
    schedule.after(delay_ms, () => {
      if (life !== this.#life || !this.isUp) return;
      const fails = !network.isHealed && random() < 0.08;
      this.#tell(effect.type === 'persist' ? this.#persisted(effect, fails) : this.#outcome(effect, fails));
    });
  }

  #persisted(effect: Extract<AgentEffect, { type: 'persist' }>, fails: boolean): AgentEvent {
    if (fails) return { type: 'persist-failed', op: effect.op, reason: 'no space left on the device' };
    this.#disk = effect.kept;
    return { type: 'persisted', op: effect.op };
  }

  #outcome(effect: Extract<AgentEffect, { digest: string }>, fails: boolean): AgentEvent {
    const { op, digest } = effect;
    const { broken, network, invariants } = this.#world;
    const failed = (reason: string): Extract<AgentEvent, { type: 'failed' }> => ({ type: 'failed', op, reason });
    switch (effect.type) {
      case 'fetch': {
        const isFar = network.cut.has(this.identity.name) && !this.#artefacts.has(digest);
        if (isFar || fails) return failed('the object store does not answer');
        this.#artefacts.add(digest);
        return { type: 'fetched', op };
      }
      case 'verify':
        if (fails) this.#artefacts.delete(digest);
        return fails ? failed('its digest differs') : { type: 'verified', op };
      case 'load':
        if (fails || broken.has(digest)) return failed('it cannot be loaded');
        if (this.memory.size >= MOST_IN_MEMORY) return { ...failed('there is no memory for it'), no_memory: true };
        this.memory.add(digest);
        return { type: 'loaded', op, memory_bytes: 1 };
      case 'warm':
        if (fails) this.memory.delete(digest);
        return fails ? failed('its first run failed') : { type: 'warmed', op };
      case 'unload':
        invariants.unloaded(this.identity.name, digest, this.state.table);
        this.memory.delete(digest);
        return { type: 'unloaded', op };
      default:
        return { type: 'drained', op };
    }
  }
}
