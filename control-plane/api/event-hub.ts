import { randomBytes } from 'node:crypto';

/** Events that are kept for who comes back, and for who reads slowly. */
const MOST_EVENTS = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** Something that changed. `data` is what readers get, as JSON. */
export interface HubEvent {
  readonly n: number;
  readonly kind: string;
  readonly data: string;
}

/** Where a reader is. `isGap`: what came between is not known any more. */
export interface Position {
  readonly n: number;
  readonly isGap: boolean;
}

/**
 * The last events, in one ring that all readers share: each only remembers where it is, so that no reader, however slow, costs memory of its own. One that
 * falls behind the ring has missed something, and is told so.
 */
export class EventHub {
  /** Names the events of this process: those of the one before it are not known here. */
  readonly #epoch = randomBytes(6).toString('hex');
  readonly #events: HubEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #most: number;
  #bytes = 0;
  #last = 0;
  #isClosed = false;

  constructor(most = MOST_EVENTS) {
    this.#most = most;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The newest event. */
  get last(): number {
    return this.#last;
  }

  publish(kind: string, at_ms: number, data: Readonly<Record<string, unknown>>): void {
    if (this.#isClosed) return;
    const event = { n: ++this.#last, kind, data: JSON.stringify({ kind, at: new Date(at_ms).toISOString(), ...data }) };
    this.#events.push(event);
    this.#bytes += event.data.length;
    while (this.#events.length > this.#most || (this.#bytes > MOST_BYTES && this.#events.length > 1)) {
      this.#bytes -= this.#events.shift()?.data.length ?? 0;
    }
    this.#wake();
  }

  idOf(n: number): string {
    return `${this.#epoch}-${n}`;
  }

  /** Where somebody goes on who has seen the event of this id; undefined: from now on. */
  positionOf(id: string | undefined): Position {
    if (id === undefined) return { n: this.#last, isGap: false };
    const [, epoch, digits] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(id) ?? [];
    const n = Number(digits);
    const isKnown = epoch === this.#epoch && n <= this.#last && !this.isLost(n);
    return isKnown ? { n, isGap: false } : { n: this.#last, isGap: true };
  }

  /** Whether something behind event `n` is forgotten already. */
  isLost(n: number): boolean {
    return n < this.#last && n + 1 < (this.#events[0]?.n ?? 0);
  }

  /** Events behind `n`, oldest first. */
  behind(n: number, most: number): readonly HubEvent[] {
    const first = this.#events[0]?.n ?? 0;
    const start = Math.max(0, n + 1 - first);
    return this.#events.slice(start, start + most);
  }

  /** Resolves when there is something behind `n`, when the hub closes, after `most_ms`, or when `signal` says so. */
  changed(n: number, most_ms: number, signal: AbortSignal): Promise<void> {
    if (n < this.#last || this.#isClosed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, most_ms);
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
    });
  }

  /** Ends what is read from it: a server does not stop while somebody listens. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
