import { setTimeout as sleep } from 'node:timers/promises';
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import type { Bus } from '../../../bus/connection.js';
import { keyOf } from '../../../bus/declarations.js';
import { follow } from '../../../bus/follow.js';
import type { Log } from '../../../std/log.js';
import {
  candidate,
  LEASE_TIMES,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  leadsUntil,
  leaseStep,
} from '../lease.js';

const LEADER = 'leader';
const TICK_MS = 250;

const RecordSchema = z.looseObject({ v: z.literal(1), holder: z.string(), term: z.int().nonnegative() });

/** Takes part in the election of the control plane that acts. The machine decides; this gives it what it sees, and does what it says. */
export class LeaseHolder {
  readonly #bus: Bus;
  readonly #log: Log;
  readonly #now_ms: () => number;
  readonly #stopped = new AbortController();
  readonly #ticks: NodeJS.Timeout;
  readonly #following: Promise<void>;
  #state: LeaseState;
  #led = false;

  /** `me` must differ from every other process that ever runs, so it is new at each start. */
  constructor(bus: Bus, me: string, log: Log, now_ms: () => number = () => performance.now()) {
    this.#bus = bus;
    this.#log = log;
    this.#now_ms = now_ms;
    this.#state = candidate(me, now_ms());
    this.#ticks = setInterval(() => this.#tell({ type: 'tick' }), TICK_MS);
    const following = {
      heard: ({
        name,
        text,
        revision,
      }: {
        readonly name: string;
        readonly text: string | undefined;
        readonly revision: number;
      }) => {
        if (name === LEADER) this.#tell({ type: 'observed', revision, record: recordOf(text) });
      },
      caughtUp: () => {
        // Nobody has ever led: revision 0 is what the first write goes over.
        if (this.#state.seen.revision < 0) this.#tell({ type: 'observed', revision: 0, record: undefined });
      },
      failed: (error: unknown) => log.warn({ error }, 'the lease cannot be followed: trying again'),
    };
    this.#following = follow(bus, 'lease', following, this.#stopped.signal);
  }

  /** Under which this process may act now; undefined: another one does. */
  get term(): number | undefined {
    return leadsUntil(this.#state, this.#now_ms())?.term;
  }

  /** Who leads, as far as is known. */
  get leader(): string | undefined {
    return this.#state.seen.record?.holder;
  }

  /** Whoever leads gives the lease back, so that nobody has to wait until it has run out. */
  async close(): Promise<void> {
    const { term } = this;
    const { revision } = this.#state.seen;
    clearInterval(this.#ticks);
    this.#stopped.abort();
    await this.#following;
    if (term === undefined || !this.#bus.isConnected) return;
    const lease = await this.#bus.bucket('lease');
    await lease.delete(this.#key, { previousSeq: revision }).catch((error: unknown) => {
      this.#log.debug({ error }, 'the lease was not given back: it runs out');
    });
  }

  get #key(): string {
    return keyOf(this.#bus.environment, LEADER);
  }

  #tell(event: LeaseEvent): void {
    if (this.#stopped.signal.aborted) return;
    const { state, effects } = leaseStep(this.#state, event, this.#now_ms());
    this.#state = state;
    const leads = this.term !== undefined;
    if (leads !== this.#led) {
      this.#led = leads;
      this.#log.info(
        { term: this.term, leader: this.leader },
        leads ? 'this control plane leads' : 'another control plane leads',
      );
    }
    for (const effect of effects) void this.#write(effect);
  }

  async #write({ op, record, over }: LeaseEffect): Promise<void> {
    try {
      if (!this.#bus.isConnected) throw new Error('NATS is away');
      const lease = await this.#bus.bucket('lease');
      const text = JSON.stringify({ v: 1, ...record });
      const key = this.#key;
      const revision =
        over === 0 ? await lease.create(key, text) : await lease.update(key, text, over, LEASE_TIMES.renew_ms);
      this.#tell({ type: 'written', op, revision });
    } catch (error) {
      // Another was faster, or nobody knows whether it was written: the key tells, and only then is it tried again.
      this.#log.debug({ error }, 'the lease was not written');
      await sleep(TICK_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      await this.#look().catch(() => undefined);
      this.#tell({ type: 'refused', op });
    }
  }

  async #look(): Promise<void> {
    if (!this.#bus.isConnected || this.#stopped.signal.aborted) return;
    const lease: KV = await this.#bus.bucket('lease');
    const entry = await lease.get(this.#key);
    if (entry === null) return;
    const text = entry.operation === 'PUT' ? entry.string() : undefined;
    this.#tell({ type: 'observed', revision: entry.revision, record: recordOf(text) });
  }
}

/** What is not understood counts as somebody's: it is waited for like any other, and then replaced. */
function recordOf(text: string | undefined): { readonly holder: string; readonly term: number } | undefined {
  if (text === undefined) return undefined;
  const unknown = { holder: 'unknown', term: 0 };
  try {
    return RecordSchema.safeParse(JSON.parse(text)).data ?? unknown;
  } catch {
    return unknown;
  }
}
