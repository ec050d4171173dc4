import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../examples/learning/random.js';
import type { Caller } from './caller.js';
import { HttpCaller } from './http-caller.js';
import { type LoadPlan, weightedPick } from './load-plan.js';
import { arrivals, durationOf_ms } from './schedule.js';
import { Tally } from './tally.js';
import { type FromThread, ThreadOrderSchema, ThreadStartSchema } from './thread-message.js';
import { WebSocketCaller } from './websocket-caller.js';

/** How often a thread tells how far it is. */
const PROGRESS_MS = 500;
/** A timer may be so much late: what is due sooner is waited for by turns of the event loop, which costs this thread's core. */
const TIMER_GRAIN_MS = 1.5;

/** Time on one scale for all threads of the machine. */
const now_ms = (): number => performance.timeOrigin + performance.now();

class LoadThread {
  readonly #plan: LoadPlan;
  readonly #thread: number;
  readonly #caller: Caller;
  readonly #phases: readonly Tally[];
  readonly #windows: Tally[] = [];
  /** Requests that were taken and have not ended: when they were due. */
  readonly #pending = new Map<number, { due_ms: number; tallies: readonly Tally[] }>();
  #next = 0;

  constructor(plan: LoadPlan, thread: number) {
    this.#plan = plan;
    this.#thread = thread;
    const own = Math.max(1, Math.round(plan.connections / plan.threads));
    this.#caller = plan.face === 'http' ? new HttpCaller(plan, own) : new WebSocketCaller(plan, own);
    this.#phases = plan.phases.map(() => new Tally());
  }

  async ready(): Promise<void> {
    await this.#caller.ready();
  }

  async run(starts_ms: number): Promise<void> {
    const { phases, seed, threads } = this.#plan;
    const random = seededRandom(seed * 104_729 + this.#thread);
    const pick = weightedPick(this.#plan.requests.map(({ weight }) => weight));
    const progress = setInterval(() => tell({ type: 'progress', counts: this.#counts() }), PROGRESS_MS);
    try {
      const schedule = arrivals({ phases, arrivals: this.#plan.arrivals, seed, thread: this.#thread, threads });
      for (const { at_ms, phase } of schedule) {
        const due_ms = starts_ms + at_ms;
        await until(due_ms);
        this.#send(pick(random()), due_ms, this.#talliesOf(at_ms, phase));
      }
      await until(starts_ms + durationOf_ms(phases));
      const patience_ms = now_ms() + this.#plan.drain_ms;
      while (this.#pending.size > 0 && now_ms() < patience_ms) await sleep(5);
    } finally {
      clearInterval(progress);
    }
    // Counted apart: percentiles are of answers, and stand beside the number of those that never came.
    for (const { tallies } of this.#pending.values()) for (const tally of tallies) tally.unanswered++;
    this.#pending.clear();
    this.#caller.close();
    tell({ type: 'done', phases: this.#phases.map((t) => t.data()), windows: this.#windows.map((t) => t.data()) });
  }

  close(): void {
    this.#caller.close();
  }

  #send(request: number, due_ms: number, tallies: readonly Tally[]): void {
    const late_us = Math.max(0, now_ms() - due_ms) * 1000;
    for (const tally of tallies) tally.lateness.record(late_us);
    const id = this.#next++;
    this.#pending.set(id, { due_ms, tallies });
    const taken = this.#caller.send(request, (outcome) => {
      if (!this.#pending.delete(id)) return;
      const latency_us = (now_ms() - due_ms) * 1000;
      for (const tally of tallies) tally.ended(outcome, latency_us);
    });
    if (taken) return;
    this.#pending.delete(id);
    for (const tally of tallies) tally.dropped++;
  }

  #talliesOf(at_ms: number, phase: number): readonly Tally[] {
    const window = Math.floor(at_ms / this.#plan.window_ms);
    while (this.#windows.length <= window) this.#windows.push(new Tally());
    return [this.#phases[phase], this.#windows[window]];
  }

  #counts(): { ok: number; refused: number; failed: number; pending: number } {
    const sum = (of: (tally: Tally) => number) => this.#phases.reduce((total, tally) => total + of(tally), 0);
    return {
      ok: sum(({ ok }) => ok.count),
      refused: sum(({ refused }) => refused.count),
      failed: sum(({ failed, dropped }) => failed + dropped),
      pending: this.#pending.size,
    };
  }
}

/** Returns at once when the time has passed, so that a late generator catches up without a turn of the loop for each request. */
async function until(due_ms: number): Promise<void> {
  for (;;) {
    const left_ms = due_ms - now_ms();
    if (left_ms <= 0) return breathe();
    if (left_ms > TIMER_GRAIN_MS) await sleep(left_ms - 1);
    else await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

let breathed_ms = 0;

/** Answers must be read even while requests are overdue all the time. */
async function breathe(): Promise<void> {
  if (now_ms() - breathed_ms < 1) return;
  breathed_ms = now_ms();
  await new Promise<void>((resolve) => setImmediate(resolve));
}

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}

const order = ThreadOrderSchema.parse(workerData);
const thread = new LoadThread(order.plan, order.thread);
parentPort?.once('message', (message: unknown) => {
  const start = ThreadStartSchema.parse(message);
  if (start.type === 'stop') thread.close();
  else
    thread.run(start.starts_ms).catch((thrown: unknown) => {
      tell({ type: 'failed', reason: thrown instanceof Error ? thrown.message : String(thrown) });
    });
});
try {
  await thread.ready();
  tell({ type: 'ready' });
} catch (thrown) {
  thread.close();
  tell({ type: 'failed', reason: thrown instanceof Error ? thrown.message : String(thrown) });
}
