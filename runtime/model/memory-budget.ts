import { TidegateError } from '../../contract/error.js';
import { makeRoom, type Resident } from './residency.js';

/** A version as the budget sees it. */
export interface Tenant {
  readonly handle: number;
  readonly bytes: number;
  /** For messages: the model and its version. */
  readonly title: string;
  readonly pinned: boolean;
  readonly evictable: boolean;
  readonly busy: boolean;
  readonly touched: number;
}

/** How often a claim that found no room looks whether someone stopped being busy. */
const LOOK_AGAIN_MS = 25;

/** Memory that versions take, against a budget. Whoever wants in claims first; others are evicted for it. */
export class MemoryBudget {
  readonly budget_bytes: number;
  readonly #wait_ms: number;
  readonly #evict: (handle: number) => Promise<void>;
  readonly #tenants = new Map<number, Tenant>();
  /** Those that have their claim and wait for the evicted to be gone. */
  readonly #entering = new Set<number>();
  readonly #leaving = new Map<number, Promise<void>>();
  #waiters: (() => void)[] = [];

  /** `evict` resolves when the memory is free and was released; it must not reject. */
  constructor(budget_bytes: number, wait_ms: number, evict: (handle: number) => Promise<void>) {
    this.budget_bytes = budget_bytes;
    this.#wait_ms = wait_ms;
    this.#evict = evict;
  }

  /** Bytes that are in memory, or being loaded. */
  get used_bytes(): number {
    let used = 0;
    for (const [handle, { bytes }] of this.#tenants) if (!this.#entering.has(handle)) used += bytes;
    return used;
  }

  /** Whether there is room without evicting anyone. */
  fits(bytes: number): boolean {
    let taken = bytes;
    for (const tenant of this.#tenants.values()) taken += tenant.bytes;
    return taken <= this.budget_bytes;
  }

  /** Takes the memory at once when it can be had; resolves when it is really free. Throws MEMORY_EXHAUSTED. */
  async claim(tenant: Tenant, signal: AbortSignal): Promise<void> {
    const until = performance.now() + this.#wait_ms;
    for (;;) {
      signal.throwIfAborted();
      const staying = [...this.#tenants.values()].filter(({ handle }) => !this.#leaving.has(handle));
      const pinned_bytes = staying.reduce((sum, { pinned, bytes }) => sum + (pinned ? bytes : 0), 0);
      const room = makeRoom(this.budget_bytes, tenant.bytes, staying.map(residentOf), pinned_bytes);
      if (room.type === 'room') {
        this.#tenants.set(tenant.handle, tenant);
        for (const handle of room.evict) this.#leaving.set(handle, this.#evict(handle));
        this.#entering.add(tenant.handle);
        await Promise.all(this.#leaving.values());
        this.#entering.delete(tenant.handle);
        return;
      }
      if (room.type === 'never' || performance.now() >= until)
        throw this.#exhausted(tenant, room.short_bytes, room.type === 'never');
      await this.#change();
    }
  }

  /** The memory is free again. */
  release(handle: number): void {
    this.#leaving.delete(handle);
    if (!this.#tenants.delete(handle)) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #change(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOOK_AGAIN_MS);
      this.#waiters.push(resolve);
    });
    clearTimeout(timer);
  }

  #exhausted({ title, bytes }: Tenant, short_bytes: number, never: boolean): TidegateError {
    const why = never
      ? 'which even an otherwise empty node would not have beside its pinned models'
      : 'and nothing idle is left that could make room';
    return new TidegateError(
      'MEMORY_EXHAUSTED',
      `${title} needs ${bytes} bytes of memory, ${short_bytes} more than the budget of ${this.budget_bytes} leaves, ${why}: ` +
        'raise the limit model_memory_bytes, lower the instances, or unload a model',
      never ? {} : { retry_after_ms: 1000 },
    );
  }
}

function residentOf({ handle, bytes, evictable, busy, touched }: Tenant): Resident {
  return { handle, bytes, evictable, busy, touched };
}
