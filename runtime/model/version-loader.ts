import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import { type Effect, isServing } from './lifecycle.js';
import { MemoryBudget, type Tenant } from './memory-budget.js';
import type { RepositoryLog } from './repository-log.js';
import type { EffectRunner, ServedModel, Slot } from './served-model.js';
import type { LoadReport, ModelHost } from './served-version.js';

export interface LoaderOptions {
  readonly host: ModelHost;
  readonly limits: Limits;
  readonly log: RepositoryLog;
  readonly budget_bytes: number;
  readonly memory_wait_ms: number;
}

/** Time that a load which was given up has to end, before its requests are failed all the same. */
const GIVE_UP_MS = 1000;
/** How often whoever waits for generations to end looks whether they are wanted again. */
const LOOK_AGAIN_MS = 25;

/** Carries out on the host what the machines of the models decide, within the memory budget. */
export class VersionLoader implements EffectRunner {
  readonly memory: MemoryBudget;
  readonly #options: LoaderOptions;
  /** Whose handle it is; while it exists. */
  readonly #owners = new Map<number, { readonly model: ServedModel; readonly slot: Slot }>();
  readonly #unloads = new Map<number, Promise<void>>();
  /** Why a generation ends, for the requests that still wait for it. */
  readonly #reasons = new Map<number, TidegateError>();
  /** Generations that the host would not even announce. */
  readonly #refusals = new Map<number, TidegateError>();
  /** Who waits for a generation to end. */
  #endings: (() => void)[] = [];
  /** Told of every load that failed. */
  onFailed: (model: ServedModel, slot: Slot, error: TidegateError, wasLazy: boolean) => void = () => undefined;
  /** Told when a model has no generation any more. */
  onEmpty: (model: ServedModel) => void = () => undefined;

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.memory = new MemoryBudget(options.budget_bytes, options.memory_wait_ms, (handle) => this.#evict(handle));
  }

  run({ type, handle }: Effect, slot: Slot, model: ServedModel): void {
    const { host } = this.#options;
    switch (type) {
      case 'announce':
        this.#owners.set(handle, { model, slot });
        try {
          host.announce(slot.served);
        } catch (thrown) {
          this.#refusals.set(handle, loadError(thrown));
        }
        return;
      case 'drain':
        this.#inBackground(model, slot, 'drain', host.drain(handle, this.#options.limits.drain_timeout_ms), () =>
          model.apply({ type: 'drained', handle }),
        );
        return;
      case 'unload':
        this.#unloads.set(
          handle,
          this.#inBackground(model, slot, 'unload', host.unload(handle), () => this.#unloaded(model, slot)),
        );
        return;
      case 'forget':
        this.#forget(model, slot);
    }
  }

  /** Why the host would not announce a generation; it can only be failed then. */
  refusalOf(handle: number): TidegateError | undefined {
    return this.#refusals.get(handle);
  }

  /** A request found its version out of memory. */
  demand(model: ServedModel, slot: Slot): void {
    const { handle } = slot.served;
    model.apply({ type: 'load', handle });
    this.#startIfLoading(model, slot);
  }

  /** Loads a generation and resolves when it has loaded or failed; never rejects, see `onFailed`. */
  async load(model: ServedModel, slot: Slot): Promise<void> {
    this.demand(model, slot);
    await slot.loading;
  }

  /**
   * Resolves when these generations have ended, or are wanted again: one that was on its way into or out of memory stays if its
   * files changed back to what it was made from before it arrived.
   */
  async ended(handles: readonly number[]): Promise<void> {
    while (handles.some((handle) => this.#isLeaving(handle))) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LOOK_AGAIN_MS);
        this.#endings.push(resolve);
      });
      clearTimeout(timer);
    }
  }

  #isLeaving(handle: number): boolean {
    const owner = this.#owners.get(handle);
    if (owner === undefined) return false;
    const generation = owner.model.generation(handle);
    return generation !== undefined && !(isServing(generation) && owner.model.wanted.includes(generation.version));
  }

  #startIfLoading(model: ServedModel, slot: Slot): void {
    const generation = model.generation(slot.served.handle);
    if (generation?.phase === 'loading' && slot.loading === undefined)
      slot.loading = this.#bring(model, slot, generation.proven);
  }

  async #bring(model: ServedModel, slot: Slot, wasLazy: boolean): Promise<void> {
    const { handle, version, memory_bytes, batching } = slot.served;
    slot.abort = new AbortController();
    try {
      await this.memory.claim(tenantOf(this.#options.host, model, slot), slot.abort.signal);
      const report = await this.#loadInHost(slot);
      slot.loading = undefined;
      const fields = {
        model: model.name,
        version,
        handle,
        memory_bytes,
        ...report,
        max_batch: batching.max_batch,
        batching: batching.reason,
        device_reason: report.device_reason || slot.served.device_reason,
      };
      this.#options.log.info(fields, 'model version loaded');
      model.apply({ type: 'loaded', handle });
    } catch (thrown) {
      slot.loading = undefined;
      const error = loadError(thrown);
      this.#reasons.set(handle, this.#reasonForWaiting(model, version, error));
      model.apply({ type: 'load-failed', handle });
      this.onFailed(model, slot, error, wasLazy);
    }
  }

  /** The memory counts until the host is done with it, however long that takes after the load was given up. */
  async #loadInHost(slot: Slot): Promise<LoadReport> {
    const { host, limits } = this.#options;
    const { signal } = slot.abort;
    const { handle } = slot.served;
    const timeout = new TidegateError(
      'MODEL_LOAD_FAILED',
      `it did not load within ${limits.model_load_timeout_ms} ms (limit model_load_timeout_ms)`,
    );
    const timer = setTimeout(() => slot.abort.abort(timeout), limits.model_load_timeout_ms);
    const loading = host.load(slot.served, signal);
    let given_up = false;
    const outcome = loading.then(
      async () => {
        if (given_up) await this.#freeLateLoad(handle);
      },
      () => this.memory.release(handle),
    );
    try {
      return await Promise.race([loading, rejectionOf(signal)]);
    } catch (cause) {
      given_up = true;
      // A host that heeds the signal ends the load at once; one that does not must not keep the callers waiting.
      await settledWithin(outcome, GIVE_UP_MS);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  async #freeLateLoad(handle: number): Promise<void> {
    try {
      await this.#options.host.unload(handle);
    } catch (err) {
      this.#options.log.warn({ handle, err }, 'a load that had been given up could not be undone');
    }
    this.memory.release(handle);
  }

  #reasonForWaiting(model: ServedModel, version: number, error: TidegateError): TidegateError {
    if (error.retryable) return error;
    return new TidegateError(
      'MODEL_NOT_READY',
      `model '${model.name}' version ${version} failed to load: ${error.message}`,
      { cause: error },
    );
  }

  async #evict(handle: number): Promise<void> {
    const owner = this.#owners.get(handle);
    if (owner === undefined) return;
    const { model, slot } = owner;
    this.#options.log.info(
      { model: model.name, version: slot.served.version },
      'model version evicted: another one needs its memory',
    );
    model.apply({ type: 'evict', handle });
    await this.#unloads.get(handle);
  }

  #unloaded(model: ServedModel, slot: Slot): void {
    const { handle } = slot.served;
    this.#unloads.delete(handle);
    this.memory.release(handle);
    model.apply({ type: model.generation(handle)?.phase === 'evicting' ? 'evicted' : 'unloaded', handle });
    this.#startIfLoading(model, slot);
  }

  #forget(model: ServedModel, slot: Slot): void {
    const { handle, version } = slot.served;
    const gone = new TidegateError('MODEL_NOT_READY', `model '${model.name}' version ${version} is no longer served`);
    if (!this.#refusals.delete(handle)) this.#options.host.forget(handle, this.#reasons.get(handle) ?? gone);
    this.#reasons.delete(handle);
    this.#owners.delete(handle);
    const endings = this.#endings;
    this.#endings = [];
    for (const resolve of endings) resolve();
    if (model.empty) this.onEmpty(model);
  }

  /** A host that fails at drain or unload must not leave a version behind for ever: it is told, and the life goes on. */
  async #inBackground(
    model: ServedModel,
    slot: Slot,
    what: string,
    work: Promise<void>,
    done: () => void,
  ): Promise<void> {
    try {
      await work;
    } catch (err) {
      this.#options.log.error(
        { model: model.name, version: slot.served.version, err },
        `model version: ${what} failed`,
      );
    }
    done();
  }
}

function tenantOf(host: ModelHost, model: ServedModel, slot: Slot): Tenant {
  const { handle, version, memory_bytes, manifest } = slot.served;
  return {
    handle,
    bytes: memory_bytes,
    title: `model '${model.name}' version ${version}`,
    get pinned() {
      const phase = model.generation(handle)?.phase;
      return manifest.pinned && (phase === 'ready' || phase === 'loading');
    },
    get evictable() {
      // While a successor loads, this one answers for it.
      const standsIn = model.generations.some((generation) => generation.phase === 'loading' && !generation.proven);
      return model.generation(handle)?.phase === 'ready' && !manifest.pinned && !standsIn;
    },
    get busy() {
      return host.busy(handle);
    },
    get touched() {
      return slot.touched;
    },
  };
}

function loadError(thrown: unknown): TidegateError {
  if (thrown instanceof TidegateError) return thrown;
  if (thrown instanceof Error) return new TidegateError('MODEL_LOAD_FAILED', thrown.message, { cause: thrown });
  return asTidegateError(thrown);
}

async function settledWithin(work: Promise<void>, limit_ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limit_ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const refuse = () => reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    if (signal.aborted) refuse();
    else signal.addEventListener('abort', refuse, { once: true });
  });
}
