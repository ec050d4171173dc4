import { totalmem } from 'node:os';
import type { Limits } from '../../contract/limits.js';
import { modelIndex } from './model-index.js';
import { removeOverrideFiles } from './override-files.js';
import { Reconciler, type ReconcilerOptions } from './reconciler.js';
import { reload } from './reload.js';
import { type FoundModel, fingerprint, scanRepository } from './scan.js';
import { modelNotFound, modelUnloaded, nodeStopping, ServedModel, type Slot } from './served-model.js';
import type { IndexEntry, LoadOverride, ModelCatalog, ModelHost, ServedVersion } from './served-version.js';
import { VersionLoader } from './version-loader.js';
import { RepositoryWatch } from './watch.js';

export interface RepositoryOptions extends Pick<ReconcilerOptions, 'workers' | 'devices' | 'log'> {
  /** The folder: DIR/<model>/<version>/model.onnx. */
  readonly directory: string;
  readonly host: ModelHost;
  readonly limits: Limits;
  /** How often the folder is looked at for changes, in milliseconds; 0: never. Default 1000. */
  readonly poll_ms?: number;
  /** How long a load may wait for memory that busy models hold. Default 30 000. */
  readonly memory_wait_ms?: number;
}

/** Loads that run side by side while starting: one model that takes minutes must not keep the others waiting. */
const START_LANES = 4;
interface Offered {
  readonly model: ServedModel;
  readonly slots: readonly Slot[];
}

/** The models of one folder on this node. */
export class ModelRepository implements ModelCatalog {
  readonly #options: RepositoryOptions;
  readonly #loader: VersionLoader;
  readonly #reconciler: Reconciler;
  readonly #models = new Map<string, ServedModel>();
  readonly #loads = new Map<string, Promise<void>>();
  #watch: RepositoryWatch | undefined;
  #uses = 0;
  #settled = false;
  #closed = false;
  #startup: Promise<void> = Promise.resolve();

  /** Reads the folder and announces its models; they load in the background, see `settled`. Throws INVALID_CONFIG if there is no folder. */
  static async start(options: RepositoryOptions): Promise<ModelRepository> {
    const repository = new ModelRepository(options);
    await repository.#start();
    return repository;
  }

  private constructor(options: RepositoryOptions) {
    this.#options = options;
    const { host, limits, log, devices, memory_wait_ms = 30_000 } = options;
    const budget_bytes = limits.model_memory_bytes || Math.floor(totalmem() * 0.75);
    this.#loader = new VersionLoader({ host, limits, log, memory_wait_ms, budget_bytes });
    this.#reconciler = new Reconciler({
      loader: this.#loader,
      workers: options.workers,
      log,
      ...(devices === undefined ? {} : { devices }),
    });
    this.#loader.onFailed = (model, slot, error, wasLazy) => {
      this.#reconciler.loadFailed(model, slot, error, wasLazy);
      if (wasLazy) void this.#background(model, () => this.#reconciler.reconcile(model, 'fitting'));
    };
    this.#loader.onEmpty = (model) => this.#forgetIfGone(model);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Resolves when the start-up pass is over. */
  async started(): Promise<void> {
    await this.#startup;
  }

  /** Stops watching and loading. What is loaded stays so: draining is the business of whoever stops the node. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reconciler.close();
    await this.#watch?.close();
    for (const model of this.#models.values()) {
      for (const { handle } of model.generations) model.slot(handle)?.abort.abort(nodeStopping());
    }
    await this.#startup;
    await Promise.all([...this.#models.values()].map((model) => model.tail));
    await Promise.all([...this.#models.values()].map((model) => this.#dropFiles(model)));
  }

  resolve(name: string, version: string): ServedVersion {
    const model = this.#models.get(name);
    if (model === undefined) throw modelNotFound(name);
    const slot = model.table.get(version) ?? unusual(model, version);
    if (slot === undefined) throw model.notServed(version);
    slot.touched = ++this.#uses;
    if (slot.dormant) this.#loader.demand(model, slot);
    return slot.served;
  }

  describe(name: string, version: string): ServedVersion {
    const model = this.#models.get(name);
    if (model === undefined) throw modelNotFound(name);
    const slot = model.table.get(version) ?? unusual(model, version);
    if (slot === undefined) throw model.notServed(version);
    return slot.served;
  }

  versions(name: string): readonly number[] {
    const model = this.#models.get(name);
    if (model === undefined) throw modelNotFound(name);
    if (model.table.size === 0) throw model.notServed('');
    const numbers = new Set([...model.table.values()].map((slot) => slot.served.version));
    return [...numbers].filter((version) => this.ready(name, String(version))).sort((a, b) => a - b);
  }

  ready(name: string, version: string): boolean {
    const model = this.#models.get(name);
    const slot = model?.table.get(version) ?? (model && unusual(model, version));
    if (slot === undefined || model?.generation(slot.served.handle)?.proven !== true) return false;
    return this.#options.host.refusal(slot.served.handle) === undefined;
  }

  models(): readonly string[] {
    return [...this.#models.values()]
      .filter((model) => model.table.size > 0)
      .map((model) => model.name)
      .sort();
  }

  index(): readonly IndexEntry[] {
    return [...this.#models.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((model) => modelIndex(model, (handle) => this.#options.host.refusal(handle)));
  }

  memory(): { readonly used_bytes: number; readonly budget_bytes: number } {
    const { used_bytes, budget_bytes } = this.#loader.memory;
    return { used_bytes, budget_bytes };
  }

  load(name: string, override: LoadOverride): Promise<void> {
    if (override.config !== undefined || override.files !== undefined)
      return this.#inTurn(name, () => this.#load(name, override));
    // Whoever asks while the same load still waits for its turn gets that one.
    const waiting = this.#loads.get(name);
    if (waiting !== undefined) return waiting;
    const load = this.#inTurn(name, () => {
      this.#loads.delete(name);
      return this.#load(name, override);
    });
    this.#loads.set(name, load);
    return load;
  }

  async unload(name: string): Promise<void> {
    const model = this.#models.get(name);
    if (model === undefined) return;
    model.unloaded = true;
    // A load in flight would keep the others of this chain waiting for something that nobody wants any more.
    for (const { handle, phase } of model.generations)
      if (phase === 'loading') model.slot(handle)?.abort.abort(modelUnloaded(model.name));
    let leaving: readonly number[] = [];
    await this.#inTurn(name, async () => {
      model.unloaded = true;
      model.failures.clear();
      model.apply({ type: 'want', versions: [] });
      leaving = model.generations.map(({ handle }) => handle);
      await this.#dropFiles(model);
    });
    // A load that follows need not wait for the last request of what it replaces.
    await this.#loader.ended(leaving);
    this.#options.log.info({ model: name }, 'model unloaded');
  }

  async #start(): Promise<void> {
    const { directory, log, poll_ms = 1000 } = this.#options;
    const found = await scanRepository(directory);
    const offered: Offered[] = [];
    for (const foundModel of found.values()) {
      const model = this.#model(foundModel.name);
      model.found = foundModel;
      offered.push({ model, slots: await this.#reconciler.offer(model) });
    }
    offered.sort((a, b) => Number(isPinned(b.slots)) - Number(isPinned(a.slots)));
    if (found.size === 0)
      log.warn({ directory }, 'the folder of models is empty: put a model into DIR/<model>/<version>/model.onnx');
    this.#startup = this.#loadAll(offered);
    if (poll_ms > 0) {
      this.#watch = new RepositoryWatch({
        directory,
        poll_ms,
        log,
        tick: () => this.#tryAgain(),
        served: () => this.#fingerprints(),
        changed: (name, now) => this.#changed(name, now),
      });
    }
  }

  async #loadAll(offered: readonly Offered[]): Promise<void> {
    const waiting = [...offered];
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined && !this.#closed; next = waiting.shift()) {
        const { model, slots } = next;
        await this.#background(model, () => this.#reconciler.reconcile(model, 'fitting', slots));
      }
    };
    await Promise.all(Array.from({ length: START_LANES }, lane));
    this.#settled = true;
  }

  #model(name: string): ServedModel {
    let model = this.#models.get(name);
    if (model === undefined) {
      model = new ServedModel(name, this.#loader);
      this.#models.set(name, model);
    }
    return model;
  }

  /** Changes to one model happen one after the other. */
  #inTurn(name: string, change: () => Promise<void>): Promise<void> {
    const model = this.#model(name);
    model.turns++;
    const turn = model.tail.then(change);
    const over = () => {
      model.turns--;
      this.#forgetIfGone(model);
    };
    model.tail = turn.then(over, over);
    return turn;
  }

  /** A model without files is remembered until the last of its versions is drained. */
  #forgetIfGone(model: ServedModel): void {
    const gone = model.found === undefined && model.override === undefined;
    if (gone && model.turns === 0 && model.empty && this.#models.get(model.name) === model)
      this.#models.delete(model.name);
  }

  /** A change that nobody waits for the outcome of; never rejects. */
  async #background(model: ServedModel, change: () => Promise<void>): Promise<void> {
    try {
      await this.#inTurn(model.name, change);
    } catch (err) {
      this.#options.log.error({ model: model.name, err }, 'a change to a model was interrupted');
    }
  }

  async #load(name: string, override: LoadOverride): Promise<void> {
    const model = this.#model(name);
    await reload(model, this.#options.directory, override, this.#reconciler);
    this.#options.log.info({ model: name, versions: model.wanted }, 'model loaded');
  }

  async #dropFiles(model: ServedModel): Promise<void> {
    const files = model.override?.found;
    if (files === undefined) return;
    model.override = undefined;
    await removeOverrideFiles(files);
  }

  /** Loads that failed for a passing reason get another chance. */
  #tryAgain(): void {
    for (const model of this.#models.values()) {
      if (model.retryDue()) void this.#background(model, () => this.#reconciler.reconcile(model, 'fitting'));
    }
  }

  /** What the watch compares the folder with. */
  #fingerprints(): ReadonlyMap<string, string> {
    return new Map([...this.#models.values()].map((model) => [model.name, fingerprint(model.found)]));
  }

  #changed(name: string, found: FoundModel | undefined): void {
    if (this.#closed) return;
    const model = this.#model(name);
    void this.#background(model, async () => {
      if (fingerprint(model.found) === fingerprint(found)) return;
      this.#options.log.info(
        { model: name, versions: [...(found?.versions.keys() ?? [])] },
        'the files of a model changed',
      );
      model.found = found;
      if (model.override?.found !== undefined) return;
      model.unloaded = false;
      await this.#reconciler.reconcile(model, 'fitting');
    });
  }
}

function isPinned(slots: readonly Slot[]): boolean {
  return slots.some((slot) => slot.served.manifest.pinned);
}

/** `007` is version 7. */
function unusual(model: ServedModel, version: string): Slot | undefined {
  return /^0+\d+$/.test(version) ? model.table.get(String(Number(version))) : undefined;
}
