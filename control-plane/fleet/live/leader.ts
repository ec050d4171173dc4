import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../../../bus/connection.js';
import { keyOf } from '../../../bus/declarations.js';
import type { Log } from '../../../std/log.js';
import { judgeModel, NODE_VERDICTS, type NodeVerdict } from '../convergence.js';
import { quarantineStep } from '../quarantine.js';
import { reconcile } from '../reconciler.js';
import type { FleetView } from './fleet-view.js';
import type { LeaseHolder } from './lease-holder.js';

const LOOK_MS = 1000;
/** Changes of one moment are looked at together. */
const GATHER_MS = 10;

/** What only the control plane that leads does: places models on nodes, again and again, until nothing differs. */
export class Leader {
  readonly #bus: Bus;
  readonly #view: FleetView;
  readonly #lease: LeaseHolder;
  readonly #log: Log;
  readonly #now_ms: () => number;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  readonly #unlisten: () => void;
  #wake: () => void = () => undefined;

  constructor(parts: { bus: Bus; view: FleetView; lease: LeaseHolder; log: Log; now_ms: () => number }) {
    this.#bus = parts.bus;
    this.#view = parts.view;
    this.#lease = parts.lease;
    this.#log = parts.log;
    this.#now_ms = parts.now_ms;
    this.#unlisten = this.#view.listen(() => this.#wake());
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    this.#unlisten();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let judged_ms = 0;
    while (!signal.aborted) {
      const now_ms = this.#now_ms();
      const { term } = this.#lease;
      if (term !== undefined) {
        // Divergence counts by looks: as many of them as seconds, however much there is to hear.
        if (now_ms - judged_ms >= LOOK_MS) {
          this.#judge(now_ms);
          judged_ms = now_ms;
        }
        await this.#place(term, now_ms);
      }
      await this.#pause(signal);
    }
  }

  #judge(now_ms: number): void {
    const worst = new Map<string, NodeVerdict>();
    for (const [model, desired] of this.#view.desired) {
      for (const { node, verdict } of judgeModel(model, desired, this.#view.nodes, now_ms).nodes) {
        const before = worst.get(node) ?? 'converged';
        worst.set(node, NODE_VERDICTS.indexOf(verdict) > NODE_VERDICTS.indexOf(before) ? verdict : before);
      }
    }
    for (const { name, quarantine } of this.#view.nodes) {
      const next = quarantineStep(quarantine, worst.get(name) ?? 'converged', now_ms);
      if (next.until_ms !== null && quarantine.until_ms === null) {
        this.#log.warn(
          { node: name, until_ms: next.until_ms },
          'a node reports what no right agent reports: it is in quarantine',
        );
      }
      this.#view.quarantine(name, next);
    }
  }

  async #place(term: number, now_ms: number): Promise<void> {
    for (const [model, { state, revision }] of this.#view.desired) {
      const { next } = reconcile(model, state, this.#view.nodes, term, now_ms);
      if (next === undefined || this.#lease.term !== term) continue;
      try {
        const desired = await this.#bus.bucket('desired');
        await desired.update(keyOf(this.#bus.environment, model), JSON.stringify(next), revision);
        this.#log.info({ model, epoch: next.epoch }, 'placed');
      } catch (error) {
        // Somebody wrote meanwhile, or NATS is away: the next look sees what there is then.
        this.#log.debug({ error, model }, 'a placement was not written');
      }
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const over = new AbortController();
    const stop = () => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    await Promise.race([woken, sleep(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
    signal.removeEventListener('abort', stop);
    await sleep(GATHER_MS);
  }
}
