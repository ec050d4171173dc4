import type { DesiredState, Placement } from '../../contract/desired-state.js';
import type { fencedWrite } from '../../control-plane/fleet/fenced-write.js';
import {
  candidate,
  LEASE_TIMES,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  leadsUntil,
  type leaseStep,
} from '../../control-plane/fleet/lease.js';
import type { Network, Random } from './network.js';
import type { Schedule } from './schedule.js';
import type { Entry, Store } from './store.js';

export interface ControlWorld {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly random: Random;
  readonly store: Store;
  readonly leaseStep: typeof leaseStep;
  readonly fencedWrite: typeof fencedWrite;
  /** What the operator wants at this moment: every control plane can read it. */
  intent(): readonly Placement[];
  /** The store has taken it. */
  written(state: DesiredState, holder: string): void;
}

const TICK_MS = 700;

/** A replica of the control plane: the real lease, and a leader that writes what the operator wants. */
export class SimControl {
  readonly name: string;
  isUp = true;
  readonly #world: ControlWorld;
  #lease: LeaseState;
  #life = 0;
  /** Clocks of two machines tell different times, and run a little differently fast. */
  readonly #rate: number;
  readonly #offset_ms: number;

  constructor(name: string, world: ControlWorld) {
    this.name = name;
    this.#world = world;
    this.#rate = 0.97 + world.random() * 0.06;
    this.#offset_ms = world.random() * 1e6;
    this.#lease = candidate(name, this.#now_ms);
    this.#tick(0);
  }

  get #now_ms(): number {
    return this.#world.schedule.now_ms * this.#rate + this.#offset_ms;
  }

  get leads(): boolean {
    return this.isUp && leadsUntil(this.#lease, this.#now_ms) !== undefined;
  }

  crash(): void {
    this.isUp = false;
    this.#life++;
  }

  restart(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#lease = candidate(this.name, this.#now_ms);
    this.#tick(this.#life);
  }

  #tick(life: number): void {
    if (!this.#lives(life)) return;
    this.#tell({ type: 'tick' });
    this.#ask(life, () => this.#world.store.lease.entry, this.#observed);
    const leads = leadsUntil(this.#lease, this.#now_ms);
    if (leads !== undefined)
      this.#ask(
        life,
        () => this.#world.store.desired.entry,
        (entry) => this.#write(entry, leads.term),
      );
    this.#world.schedule.after(TICK_MS, () => this.#tick(life));
  }

  readonly #observed = ({ revision, value }: Entry<LeaseEffect['record']>): void =>
    this.#tell({ type: 'observed', revision, record: value });

  /** There and back over the network. */
  #ask<T>(life: number, at: () => T, then: (answer: T) => void): void {
    const { network } = this.#world;
    network.send(this.name, () => {
      const answer = at();
      network.send(this.name, () => {
        if (this.#lives(life)) then(answer);
      });
    });
  }

  /** Whoever has stopped to lead meanwhile does not know it here: that is what the term in the record is for. */
  #write({ revision, value }: Entry<DesiredState>, term: number): void {
    const { store, network, intent, written } = this.#world;
    const placements = [...intent()];
    if (JSON.stringify(value?.placements) === JSON.stringify(placements)) return;
    const next = this.#world.fencedWrite(value, term, { placements, pinned: false, limits: {} });
    if (next === undefined) return;
    network.send(this.name, () => {
      if (store.desired.put(next, revision) !== undefined) written(next, this.name);
    });
  }

  #tell(event: LeaseEvent): void {
    const { state, effects } = this.#world.leaseStep(this.#lease, event, this.#now_ms, LEASE_TIMES);
    this.#lease = state;
    const life = this.#life;
    for (const { op, record, over } of effects) {
      this.#ask(
        life,
        () => this.#world.store.lease.put(record, over),
        (revision) => this.#tell(revision === undefined ? { type: 'refused', op } : { type: 'written', op, revision }),
      );
    }
  }

  #lives(life: number): boolean {
    return this.isUp && life === this.#life;
  }
}
