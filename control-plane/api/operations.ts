import { randomBytes } from 'node:crypto';
import { TidegateError } from '../../contract/error.js';
import { Journal } from '../../std/journal.js';
import { problemOf, shownError } from '../problem.js';
import { keptLine } from './kept-line.js';
import { type Operation, OperationSchema, type Work } from './operation.js';

const MOST_RUNNING = 16;
/** Ended ones that are remembered. */
const MOST_KEPT = 1000;
/** After how many lines the journal is written anew: one line an operation. */
const MOST_LINES = 4 * MOST_KEPT;

export interface NewOperation {
  readonly what: string;
  readonly path: string;
  readonly by: string;
}

/** Long work of this control plane. What it was and how it ended outlives the process; work that a crash ended has failed. */
export class Operations {
  readonly #known = new Map<string, Operation>();
  readonly #stops = new Map<string, AbortController>();
  readonly #running = new Set<Promise<void>>();
  readonly #journal: Journal;
  readonly #now_ms: () => number;
  readonly #changed: (operation: Operation) => void;
  readonly #broke: (error: unknown) => void;
  #lines = 0;

  /** `changed`: told of everything that becomes of one; `broke`: of what ended one and is nobody's mistake but ours. */
  constructor(
    path: string,
    now_ms: () => number,
    changed: (operation: Operation) => void,
    broke: (error: unknown) => void = () => {},
  ) {
    this.#now_ms = now_ms;
    this.#changed = changed;
    this.#broke = broke;
    this.#journal = Journal.open(path, (line) => {
      const operation = keptLine(OperationSchema, line, path, 'how long work ended');
      this.#known.set(operation.id, operation);
    });
    for (const operation of this.#known.values()) {
      if (operation.state !== 'running') continue;
      const error = new TidegateError('SHUTTING_DOWN', 'the control plane ended before the work did: ask for it again');
      this.#known.set(operation.id, { ...this.#ended(operation, 'failed'), problem: { ...problemOf(error) } });
    }
    this.#compact();
  }

  /** Begins `work`, and returns at once. Throws QUEUE_FULL where enough runs already. */
  start({ what, path, by }: NewOperation, work: (work: Work) => Promise<unknown>): Operation {
    if (this.#stops.size >= MOST_RUNNING) {
      throw new TidegateError('QUEUE_FULL', `${MOST_RUNNING} operations run, as many as may: wait for one to end`);
    }
    const now_ms = this.#now_ms();
    const operation: Operation = {
      id: `op-${String(now_ms).padStart(15, '0')}-${randomBytes(4).toString('hex')}`,
      what,
      path,
      by,
      state: 'running',
      is_cancelling: false,
      progress: null,
      message: '',
      created_at: new Date(now_ms).toISOString(),
      ended_at: null,
      result: null,
      problem: null,
    };
    this.#keep(operation);
    const stop = new AbortController();
    this.#stops.set(operation.id, stop);
    const running = this.#run(operation.id, stop, work).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return operation;
  }

  /** Newest first. */
  list(): readonly Operation[] {
    return [...this.#known.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** Throws NOT_FOUND. */
  get(id: string): Operation {
    const operation = this.#known.get(id);
    if (operation !== undefined) return operation;
    throw new TidegateError(
      'NOT_FOUND',
      `there is no operation '${id}': the last ${MOST_KEPT} that ended are remembered`,
    );
  }

  /** Asks the work to stop; it has stopped when its state says so. Throws NOT_FOUND, and CONFLICT where it has ended. */
  cancel(id: string): Operation {
    const operation = this.get(id);
    if (operation.state !== 'running') {
      throw new TidegateError('CONFLICT', `the operation ${id} cannot be cancelled: it is ${operation.state} already`);
    }
    const told = { ...operation, is_cancelling: true };
    this.#show(told);
    this.#stops.get(id)?.abort();
    return told;
  }

  /** Asks all work to stop. */
  stop(): void {
    for (const stop of this.#stops.values()) stop.abort();
  }

  /** Stops all work, and waits for it. */
  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#running);
    this.#journal.close();
  }

  async #run(id: string, stop: AbortController, work: (work: Work) => Promise<unknown>): Promise<void> {
    const progress = (part: number | null, message: string) => {
      const now = this.get(id);
      if (now.state === 'running') this.#show({ ...now, progress: part, message });
    };
    const outcome = await outcomeOf(() => work({ signal: stop.signal, progress }), stop.signal, this.#broke);
    this.#stops.delete(id);
    const ended = { ...this.#ended(this.get(id), outcome.state), ...outcome };
    try {
      this.#keep(ended);
    } catch {
      // The disk does not take it: whoever watches is told all the same, and after a restart it counts as failed.
      this.#show(ended);
    }
  }

  #ended(operation: Operation, state: Operation['state']): Operation {
    return { ...operation, state, is_cancelling: false, ended_at: new Date(this.#now_ms()).toISOString() };
  }

  #show(operation: Operation): void {
    this.#known.set(operation.id, operation);
    this.#changed(operation);
  }

  #keep(operation: Operation): void {
    this.#journal.append(JSON.stringify(operation));
    this.#lines++;
    this.#show(operation);
    if (this.#lines > MOST_LINES) this.#compact();
  }

  #compact(): void {
    const ended = this.list().filter(({ state }) => state !== 'running');
    for (const { id } of ended.slice(MOST_KEPT)) this.#known.delete(id);
    this.#journal.replace([...this.#known.values()].map((each) => JSON.stringify(each)));
    this.#lines = this.#known.size;
  }
}

/** How work ended. What was done when it was asked to stop is done. */
async function outcomeOf(
  work: () => Promise<unknown>,
  signal: AbortSignal,
  broke: (error: unknown) => void,
): Promise<Pick<Operation, 'state'> & Partial<Operation>> {
  try {
    const result: unknown = await work();
    return { state: 'done', progress: 1, result: result ?? null };
  } catch (error) {
    if (signal.aborted) return { state: 'cancelled' };
    if (shownError(error).status >= 500) broke(error);
    return { state: 'failed', problem: { ...problemOf(error) } };
  }
}
