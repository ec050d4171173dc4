import { type FSWatcher, watch } from 'node:fs';
import type { RepositoryLog } from './repository-log.js';
import { type FoundModel, type FoundModels, fingerprint, scanRepository } from './scan.js';

export interface WatchOptions {
  readonly directory: string;
  readonly poll_ms: number;
  readonly log: RepositoryLog;
  /** Called at every look, before the folder is compared. */
  tick(): void;
  /** Fingerprints of what is served now, by model. */
  served(): ReadonlyMap<string, string>;
  /** The files of a model have changed and stood still since; undefined: they are gone. */
  changed(name: string, found: FoundModel | undefined): void;
}

/**
 * Looks at the folder again and again, because no notification reaches a node from a network file system; where the system does
 * notify, it looks sooner. A change counts once it has looked the same for `poll_ms`, so that a file being copied is let be.
 */
export class RepositoryWatch {
  readonly #options: WatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #notifier: FSWatcher | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;
  /** Changes that were seen and may still go on, and since when they look like this. */
  #unsettled = new Map<string, { readonly fingerprint: string; readonly since: number }>();
  #unreadable = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#notifier = this.#notify();
    this.#later(options.poll_ms);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#notifier?.close();
    await this.#looking;
  }

  #notify(): FSWatcher | undefined {
    const { directory, poll_ms, log } = this.#options;
    try {
      const notifier = watch(directory, { persistent: false }, () => this.#later(Math.min(20, poll_ms)));
      notifier.on('error', (err) =>
        log.warn(
          { directory, err },
          `the folder of models gives no notifications: it is looked at every ${poll_ms} ms`,
        ),
      );
      return notifier;
    } catch (err) {
      log.warn({ directory, err }, `the folder of models gives no notifications: it is looked at every ${poll_ms} ms`);
      return undefined;
    }
  }

  #later(delay_ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#looking = this.#looking
        .then(() => this.#look())
        .finally(() => {
          if (this.#timer === undefined) this.#later(this.#options.poll_ms);
        });
    }, delay_ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    if (!this.#closed) this.#options.tick();
    const { directory, log } = this.#options;
    let found: FoundModels;
    try {
      found = await scanRepository(directory);
    } catch (err) {
      // A share that is away for a moment must not take the models with it.
      if (!this.#unreadable)
        log.error({ directory, err }, 'the folder of models cannot be read: what is loaded is served on');
      this.#unreadable = true;
      return;
    }
    this.#unreadable = false;
    if (!this.#closed) this.#compare(found);
  }

  #compare(found: FoundModels): void {
    const served = this.#options.served();
    const unsettled = new Map<string, { readonly fingerprint: string; readonly since: number }>();
    const at = performance.now();
    for (const name of new Set([...served.keys(), ...found.keys()])) {
      const now = fingerprint(found.get(name));
      if (now === (served.get(name) ?? '')) continue;
      const before = this.#unsettled.get(name);
      const since = before?.fingerprint === now ? before.since : at;
      // A timer may fire a little early.
      if (at - since >= this.#options.poll_ms * 0.9 && before !== undefined)
        this.#options.changed(name, found.get(name));
      else unsettled.set(name, { fingerprint: now, since });
    }
    this.#unsettled = unsettled;
  }
}
