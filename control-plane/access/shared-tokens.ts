import type { Bus } from '../../bus/connection.js';
import { keyOf } from '../../bus/declarations.js';
import { type FollowedEntry, follow } from '../../bus/follow.js';
import type { Log } from '../../std/log.js';
import { type TokenRecord, TokenRecordSchema } from './token.js';
import type { ListedToken, TokenStore } from './token-store.js';

/** What is to be done here, and there, when one token is known in two places. */
export interface Merge {
  /** Not known here. */
  readonly add: boolean;
  /** Revoked there, and not here. */
  readonly revoke: boolean;
  /** What is known here goes further than what is there. */
  readonly tell: boolean;
}

/**
 * A token is made once and revoked at most once, so that two places never contradict each other: each knows at most less than the other. `undefined`: two
 * tokens of one id, which nobody made by right.
 */
export function merge(here: TokenRecord | undefined, there: TokenRecord | undefined): Merge | undefined {
  if (here === undefined || there === undefined)
    return { add: there !== undefined, revoke: false, tell: here !== undefined };
  if (here.hash !== there.hash || here.role !== there.role) return undefined;
  const revoke = here.revoked_at === null && there.revoked_at !== null;
  const tell = here.revoked_at !== null && there.revoked_at === null;
  return { add: false, revoke, tell };
}

/**
 * Tokens that replicas share over NATS. Each has all of them on its own disk, so that whoever may is known without NATS too: what is made or revoked
 * meanwhile is told when it is back.
 */
export class SharedTokens implements TokenStore {
  readonly #own: TokenStore;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  /** What NATS is known to hold. */
  readonly #there = new Map<string, TokenRecord>();
  #bus: Bus | undefined;
  #following: Promise<void> = Promise.resolve();
  /** One after the other, so that an older state never overtakes a newer one of this process. */
  #telling: Promise<void> = Promise.resolve();

  constructor(own: TokenStore, log: Log) {
    this.#own = own;
    this.#log = log;
  }

  /** From now on tokens are shared over this connection. */
  share(bus: Bus): void {
    this.#bus = bus;
    const following = {
      heard: (entry: FollowedEntry) => void this.#heard(entry),
      caughtUp: () => void this.#tellAll(),
      failed: (error: unknown) =>
        this.#log.warn({ error }, 'tokens of other control planes are not heard of: trying again'),
    };
    this.#following = follow(bus, 'tokens', following, this.#stopped.signal);
    void this.#tellWhenBack(bus);
  }

  find(id: string): Promise<TokenRecord | undefined> {
    return this.#own.find(id);
  }

  list(): Promise<readonly ListedToken[]> {
    return this.#own.list();
  }

  async add(record: TokenRecord): Promise<void> {
    await this.#own.add(record);
    this.#tell(record);
  }

  async revoke(id: string, by: string, now_ms: number): Promise<TokenRecord> {
    const revoked = await this.#own.revoke(id, by, now_ms);
    this.#tell(revoked);
    return revoked;
  }

  used(id: string, now_ms: number): void {
    this.#own.used(id, now_ms);
  }

  /** Ends the sharing; the connection may be closed behind it. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#following;
    await this.#telling;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#own.close();
  }

  async #heard({ name, text }: FollowedEntry): Promise<void> {
    // One that was deleted by hand in NATS is told again: a revocation must not vanish.
    if (text === undefined) {
      this.#there.delete(name);
      return;
    }
    try {
      const there = TokenRecordSchema.parse(JSON.parse(text));
      this.#there.set(there.id, there);
      const here = await this.#own.find(there.id);
      const merged = merge(here, there);
      if (merged === undefined || there.id !== name) {
        this.#log.error({ token: name }, 'NATS holds another token under an id that is known here: it is not taken');
        return;
      }
      if (merged.add) await this.#own.add(there);
      if (merged.revoke) await this.#own.revoke(there.id, there.revoked_by ?? '', Date.parse(there.revoked_at ?? ''));
      if (merged.tell && here !== undefined) this.#tell(here);
    } catch (error) {
      this.#log.error({ error, token: name }, 'a token in NATS was not understood: it opens nothing here');
    }
  }

  /** Ends with the connection. */
  async #tellWhenBack(bus: Bus): Promise<void> {
    for await (const { type } of bus.connection.status()) if (type === 'reconnect') await this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    for (const record of await this.#own.list()) {
      const { last_used_at: _last, ...own } = record;
      if (merge(own, this.#there.get(own.id))?.tell === true) this.#tell(own);
    }
  }

  #tell(record: TokenRecord): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    const tell = async () => {
      // What is asked while the connection is lost gets no answer: it is told when it is back.
      if (this.#stopped.signal.aborted || !bus.isConnected) return;
      const bucket = await bus.bucket('tokens');
      await bucket.put(keyOf(bus.environment, record.id), JSON.stringify(record));
    };
    this.#telling = this.#telling.then(tell).catch((error: unknown) => {
      this.#log.warn(
        { error, token: record.id },
        'other control planes were not told of a token: they are when NATS is back',
      );
    });
  }
}
