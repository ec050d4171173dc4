import type { Engine, EngineSession } from './engine.js';
import { refusal } from './failure.js';
import type { SessionRequest } from './query-request.js';

interface Named {
  readonly session: EngineSession;
  isBusy: boolean;
  expiry: NodeJS.Timeout | undefined;
}

/** Sessions that outlive a request: temporary tables and settings stay until nobody has come for their time. One request at a time. */
export class NamedSessions {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Named>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  take({ id, check }: SessionRequest): EngineSession {
    const known = this.#sessions.get(id);
    if (known === undefined) {
      if (check) throw refusal('SESSION_NOT_FOUND', `Session ${id} not found`);
      const fresh: Named = { session: this.#engine.session(), isBusy: true, expiry: undefined };
      this.#sessions.set(id, fresh);
      return fresh.session;
    }
    if (known.isBusy) throw refusal('SESSION_IS_LOCKED', `Session ${id} is locked by a concurrent client`);
    known.isBusy = true;
    clearTimeout(known.expiry);
    return known.session;
  }

  giveBack({ id, timeout_s }: SessionRequest): void {
    const named = this.#sessions.get(id);
    if (named === undefined) return;
    named.isBusy = false;
    named.expiry = setTimeout(() => {
      this.#sessions.delete(id);
      named.session.close();
    }, timeout_s * 1000);
    named.expiry.unref();
  }

  close(): void {
    for (const { session, expiry } of this.#sessions.values()) {
      clearTimeout(expiry);
      session.close();
    }
    this.#sessions.clear();
  }
}
