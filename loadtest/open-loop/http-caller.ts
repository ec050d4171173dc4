import type { Caller } from './caller.js';
import { connectHttp, type HttpConnection, httpBytes, type Outcome } from './http-connection.js';
import type { LoadPlan } from './load-plan.js';

interface Call {
  readonly bytes: Buffer;
  readonly done: (outcome: Outcome) => void;
}

/** One connection of the pool, and what is in flight on it. */
class Lane {
  connection: HttpConnection | undefined;
  open = false;
  answers = 0;
  call: Call | undefined;
}

/** Opens connections as they are needed, up to a number, and keeps them. */
export class HttpCaller implements Caller {
  readonly #plan: LoadPlan;
  readonly #bytes: readonly Buffer[];
  readonly #lanes: Lane[];
  readonly #idle: Lane[] = [];
  readonly #waiting: Call[] = [];
  #taken = 0;
  #closed = false;
  #onReady: ((error: Error | undefined) => void) | undefined;

  constructor(plan: LoadPlan, connections: number) {
    this.#plan = plan;
    const host = `${plan.host.includes(':') ? `[${plan.host}]` : plan.host}:${plan.port}`;
    this.#bytes = plan.requests.map((request) => httpBytes(request, host));
    this.#lanes = Array.from({ length: connections }, () => new Lane());
    // Taken from the end: the first lane is opened by `ready`.
    this.#idle = this.#lanes.slice(1).reverse();
  }

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onReady = (error) => {
        this.#onReady = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#connect(this.#lanes[0]);
    });
  }

  send(request: number, done: (outcome: Outcome) => void): boolean {
    const call = { bytes: this.#bytes[request], done };
    const lane = this.#idle.pop();
    if (lane !== undefined) this.#start(lane, call);
    else if (this.#waiting.length - this.#taken < this.#plan.max_waiting) this.#waiting.push(call);
    else return false;
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const { connection } of this.#lanes) connection?.close();
  }

  #start(lane: Lane, call: Call): void {
    lane.call = call;
    if (lane.open) lane.connection?.send(call.bytes);
    else if (lane.connection === undefined) this.#connect(lane);
  }

  #connect(lane: Lane): void {
    lane.answers = 0;
    const mine = connectHttp(this.#plan.host, this.#plan.port, {
      open: () => {
        lane.open = true;
        this.#onReady?.(undefined);
        if (lane.call === undefined) this.#free(lane);
        else lane.connection?.send(lane.call.bytes);
      },
      answered: (outcome, closing) => {
        lane.answers++;
        const { call } = lane;
        lane.call = undefined;
        const limit = this.#plan.answers_per_connection;
        if (closing || (limit > 0 && lane.answers >= limit)) this.#part(lane);
        call?.done(outcome);
        this.#free(lane);
      },
      closed: (error) => {
        // A connection that was parted from may end when its lane has another already.
        if (!this.#closed && lane.connection === mine) this.#lost(lane, error);
      },
    });
    lane.connection = mine;
  }

  /** Leaves a connection for good; its end is no news any more. */
  #part(lane: Lane): void {
    const { connection } = lane;
    lane.connection = undefined;
    lane.open = false;
    connection?.close();
  }

  #lost(lane: Lane, error: Error | undefined): void {
    const busy = lane.call !== undefined;
    lane.connection = undefined;
    lane.open = false;
    const { call } = lane;
    lane.call = undefined;
    if (this.#onReady !== undefined) this.#onReady(error ?? new Error('the connection was closed at once'));
    call?.done('failed');
    // An idle lane is on the list already, and connects when it is needed.
    if (busy) this.#free(lane);
  }

  #free(lane: Lane): void {
    const call = this.#waiting[this.#taken];
    if (call === undefined) {
      this.#idle.push(lane);
      return;
    }
    this.#taken++;
    // Cut off in large pieces: shift() on a long array would cost each request a move of all others.
    if (this.#taken >= 1024) {
      this.#waiting.splice(0, this.#taken);
      this.#taken = 0;
    }
    this.#start(lane, call);
  }
}
