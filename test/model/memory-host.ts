import { setTimeout as sleep } from 'node:timers/promises';
import { TidegateError } from '../../contract/error.js';
import type { LoadReport, ModelHost, ServedVersion } from '../../runtime/model/served-version.js';

interface Held {
  readonly version: ServedVersion;
  phase: 'announced' | 'loading' | 'loaded' | 'unloading' | 'unloaded';
  waiting: { readonly resolve: (answer: string) => void; readonly reject: (error: Error) => void }[];
  running: number;
}

/**
 * A host without threads that keeps the contract of `ModelHost` strictly: it loads after a delay, runs requests, and remembers
 * every breach of the order of calls.
 */
export class MemoryHost implements ModelHost {
  readonly held = new Map<number, Held>();
  readonly breaches: string[] = [];
  readonly loads: string[] = [];
  readonly unloads: string[] = [];
  load_ms = 1;
  unload_ms = 1;
  run_ms = 0;
  failed = 0;
  peak_bytes = 0;
  /** Reason for a load to fail; undefined: it loads. */
  refuse: (version: ServedVersion) => string | undefined = () => undefined;
  refuseToAnnounce: (version: ServedVersion) => string | undefined = () => undefined;
  delay: (version: ServedVersion) => number = () => this.load_ms;

  announce(version: ServedVersion): void {
    if (this.held.has(version.handle)) this.breaches.push(`handle ${version.handle} announced twice`);
    const refusal = this.refuseToAnnounce(version);
    if (refusal !== undefined) throw new TidegateError('INVALID_CONFIG', refusal);
    this.held.set(version.handle, { version, phase: 'announced', waiting: [], running: 0 });
  }

  async load(version: ServedVersion, signal: AbortSignal): Promise<LoadReport> {
    const held = this.#held(version.handle, 'load');
    if (held.phase !== 'announced' && held.phase !== 'unloaded') this.breaches.push(`load while ${held.phase}`);
    held.phase = 'loading';
    this.loads.push(`${version.model}/${version.version}`);
    this.peak_bytes = Math.max(this.peak_bytes, this.used_bytes);
    try {
      await sleep(this.delay(version), undefined, { signal });
      const reason = this.refuse(version);
      if (reason !== undefined) throw new TidegateError('MODEL_LOAD_FAILED', reason);
    } catch (cause) {
      held.phase = 'unloaded';
      throw cause;
    }
    held.phase = 'loaded';
    for (const waiter of held.waiting.splice(0)) void this.#run(held, waiter);
    return { load_ms: this.load_ms, warmup_ms: 0, device: 'cpu', device_reason: '' };
  }

  busy(handle: number): boolean {
    const held = this.held.get(handle);
    return held !== undefined && (held.waiting.length > 0 || held.running > 0);
  }

  async drain(handle: number, timeout_ms: number): Promise<void> {
    const until = performance.now() + timeout_ms;
    while (this.busy(handle) && performance.now() < until) await sleep(1);
  }

  async unload(handle: number): Promise<void> {
    const held = this.#held(handle, 'unload');
    if (held.phase !== 'loaded') this.breaches.push(`unload while ${held.phase}`);
    if (held.running > 0) this.breaches.push(`unload of a busy handle ${handle}`);
    this.unloads.push(`${held.version.model}/${held.version.version}`);
    held.phase = 'unloading';
    await sleep(this.unload_ms);
    held.phase = 'unloaded';
  }

  refused = new Map<number, Error>();

  refusal(handle: number): Error | undefined {
    return this.refused.get(handle);
  }

  forget(handle: number, reason: Error): void {
    const held = this.#held(handle, 'forget');
    if (held.phase !== 'announced' && held.phase !== 'unloaded') this.breaches.push(`forget while ${held.phase}`);
    this.held.delete(handle);
    for (const waiter of held.waiting.splice(0)) waiter.reject(reason);
  }

  get used_bytes(): number {
    let used = 0;
    for (const { phase, version } of this.held.values())
      if (phase !== 'announced' && phase !== 'unloaded') used += version.memory_bytes;
    return used;
  }

  /** One request: resolves with `<model>/<version>` when it has run. */
  request(version: ServedVersion): Promise<string> {
    return new Promise((resolve, reject) => {
      const held = this.held.get(version.handle);
      if (held === undefined) {
        reject(new Error(`handle ${version.handle} is not announced`));
        return;
      }
      if (held.phase === 'loaded') void this.#run(held, { resolve, reject });
      else held.waiting.push({ resolve, reject });
    });
  }

  async #run(held: Held, waiter: Held['waiting'][number]): Promise<void> {
    held.running++;
    if (this.run_ms > 0) await sleep(this.run_ms);
    else await Promise.resolve();
    held.running--;
    if (held.phase === 'loaded') waiter.resolve(`${held.version.model}/${held.version.version}`);
    else waiter.reject(new Error(`ran while ${held.phase}`));
  }

  #held(handle: number, verb: string): Held {
    const held = this.held.get(handle);
    if (held === undefined) throw new Error(`${verb} of handle ${handle}, which is not announced`);
    return held;
  }
}
