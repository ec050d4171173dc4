import { Worker } from 'node:worker_threads';
import { TidegateError } from '../../contract/error.js';
import type { LoadPlan } from './load-plan.js';
import { durationOf_ms } from './schedule.js';
import { Tally } from './tally.js';
import { type Counts, FromThreadSchema } from './thread-message.js';

export interface LoadProgress extends Counts {
  readonly elapsed_ms: number;
}

export interface LoadOutcome {
  readonly began: Date;
  readonly phases: readonly Tally[];
  readonly windows: readonly Tally[];
}

/** Between the last thread being ready and the first arrival: all of them must have heard by then. */
const HEAD_START_MS = 50;
const READY_LIMIT_MS = 10_000;
/** Beyond the plan's own time: a thread that says nothing by then is given up. */
const GRACE_MS = 10_000;

/** Runs one load from as many threads as it says. Nothing outlives it. */
export async function runLoad(plan: LoadPlan, onProgress?: (progress: LoadProgress) => void): Promise<LoadOutcome> {
  const file = new URL('./load-thread.js', import.meta.url);
  const threads = Array.from({ length: plan.threads }, (_, thread) => {
    return new Worker(file, { workerData: { thread, plan } });
  });
  try {
    await inTime(Promise.all(threads.map(ready)), READY_LIMIT_MS).catch((thrown: unknown) => {
      throw unreachable(plan, thrown);
    });
    const starts_ms = performance.timeOrigin + performance.now() + HEAD_START_MS;
    const counts: (Counts | undefined)[] = threads.map(() => undefined);
    const parts = threads.map((thread, at) =>
      finished(thread, (own) => {
        counts[at] = own;
        onProgress?.({ elapsed_ms: performance.timeOrigin + performance.now() - starts_ms, ...summed(counts) });
      }),
    );
    for (const thread of threads) thread.postMessage({ type: 'start', starts_ms });
    const limit_ms = HEAD_START_MS + durationOf_ms(plan.phases) + plan.drain_ms + GRACE_MS;
    const done = await inTime(Promise.all(parts), limit_ms);
    return {
      began: new Date(starts_ms),
      phases: merged(done.map(({ phases }) => phases)),
      windows: merged(done.map(({ windows }) => windows)),
    };
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

type Done = Extract<ReturnType<typeof FromThreadSchema.parse>, { type: 'done' }>;

function ready(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.once('message', (raw: unknown) => {
      const message = FromThreadSchema.parse(raw);
      if (message.type === 'failed') reject(new Error(message.reason));
      else resolve();
    });
  });
}

function finished(thread: Worker, onCounts: (counts: Counts) => void): Promise<Done> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.on('message', (raw: unknown) => {
      const message = FromThreadSchema.parse(raw);
      if (message.type === 'progress') onCounts(message.counts);
      else if (message.type === 'done') resolve(message);
      else if (message.type === 'failed') reject(new Error(message.reason));
    });
  });
}

function merged(threads: readonly Done['phases'][]): Tally[] {
  const length = Math.max(...threads.map((tallies) => tallies.length));
  return Array.from({ length }, (_, at) => {
    const tally = new Tally();
    for (const tallies of threads) if (at < tallies.length) tally.add(tallies[at]);
    return tally;
  });
}

function summed(counts: readonly (Counts | undefined)[]): Counts {
  const sum = (name: keyof Counts) => counts.reduce((total, own) => total + (own?.[name] ?? 0), 0);
  return { ok: sum('ok'), refused: sum('refused'), failed: sum('failed'), pending: sum('pending') };
}

async function inTime<T>(work: Promise<T>, limit_ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing was heard within ${limit_ms} ms`)), limit_ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function unreachable(plan: LoadPlan, cause: unknown): TidegateError {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new TidegateError(
    'NOT_FOUND',
    `no server answers at ${plan.host}:${plan.port} (${plan.face}): ${reason}; start one (tidegate runtime) or name another with --url`,
    { cause },
  );
}
