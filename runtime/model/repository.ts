import { totalmem } from 'node:os';
import { join } from 'node:path';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import type { Manifest } from '../../contract/manifest.js';
import { MANIFEST_NAME, readManifestFile } from './manifest-file.js';
import { modelIndex } from './model-index.js';
import { readOverride } from './override.js';
import { removeOverrideFiles } from './override-files.js';
import type { RepositoryLog } from './repository-log.js';
import { type FoundModel, fingerprint, pickVersions, scanModel, scanRepository } from './scan.js';
import { type Failure, modelNotFound, ServedModel, type Slot } from './served-model.js';
import type { IndexEntry, LoadOverride, ModelCatalog, ModelHost, ServedVersion } from './served-version.js';
import { describeVersion } from './version-description.js';
import { VersionLoader } from './version-loader.js';
import { RepositoryWatch } from './watch.js';

export interface RepositoryOptions {
  /** The folder: DIR/<model>/<version>/model.onnx. */
  readonly directory: string;
  readonly host: ModelHost;
  /** Worker threads there are. */
  readonly workers: number;
  readonly limits: Limits;
  readonly log: RepositoryLog;
  /** How often the folder is looked at for changes, in milliseconds; 0: never. Default 1000. */
  readonly poll_ms?: number;
  /** How long a load may wait for memory that busy models hold. Default 30 000. */
  readonly memory_wait_ms?: number;
}

/** Loads that run side by side while starting: one model that takes minutes must not keep the others waiting. */
const START_LANES = 4;
/** A load that failed for a passing reason (no memory, a lost worker) is tried again after this time. */
const RETRY_MS = 5000;

/** When a change to a model may load versions: `eager` even by evicting others, `fitting` while there is room. */
type LoadPolicy = 'eager' | 'fitting';

/** The models of one folder on this node. */
export class ModelRepository implements ModelCatalog {
  readonly #options: RepositoryOptions;
  readonly #loader: VersionLoader;
  readonly #models = new Map<string, ServedModel>();
  readonly #loads = new Map<string, Promise<void>>();
  #watch: RepositoryWatch | undefined;
  #uses = 0;
  #nextHandle = 1;
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
    const { host, limits, log, memory_wait_ms = 30_000 } = options;
    const budget_bytes = limits.model_memory_bytes || Math.floor(totalmem() * 0.75);
    this.#loader = new VersionLoader({ host, limits, log, memory_wait_ms, budget_bytes });
    this.#loader.onFailed = (model, slot, error, wasLazy) => this.#loadFailed(model, slot, error, wasLazy);
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
    await this.#watch?.close();
    for (const model of this.#models.values()) {
      for (const { handle } of model.generations) model.slot(handle)?.abort.abort(stopping());
    }
    await this.#startup;
    await Promise.all([...this.#models.values()].map((model) => model.tail));
    await Promise.all([...this.#models.values()].map((model) => this.#dropFiles(model)));
  }

  resolve(name: string, version: string): ServedVersion {
    const model = this.#models.get(name);
    if (model === undefined) throw modelNotFound(name);
    const slot = model.table.get(version) ?? this.#unusual(model, version);
    slot.touched = ++this.#uses;
    if (slot.dormant) this.#loader.demand(model, slot);
    return slot.served;
  }

  describe(name: string, version: string): ServedVersion {
    const model = this.#models.get(name);
    if (model === undefined) throw modelNotFound(name);
    return (model.table.get(version) ?? this.#unusual(model, version)).served;
  }

  /** `007` is version 7. */
  #unusual(model: ServedModel, version: string): Slot {
    const slot = /^0+\d+$/.test(version) ? model.table.get(String(Number(version))) : undefined;
    if (slot === undefined) throw model.notServed(version);
    return slot;
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
    const slot = model?.table.get(version);
    return slot !== undefined && model?.generation(slot.served.handle)?.proven === true;
  }

  models(): readonly string[] {
    return [...this.#models.values()]
      .filter((model) => model.table.size > 0)
      .map((model) => model.name)
      .sort();
  }

  index(): readonly IndexEntry[] {
    return [...this.#models.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap(modelIndex);
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
      if (phase === 'loading') model.slot(handle)?.abort.abort(retired(model));
    await this.#inTurn(name, async () => {
      model.unloaded = true;
      model.failures.clear();
      model.apply({ type: 'want', versions: [] });
      await this.#loader.emptied(model);
      await this.#dropFiles(model);
      this.#options.log.info({ model: name }, 'model unloaded');
    });
  }

  async #start(): Promise<void> {
    const { directory, log, poll_ms = 1000 } = this.#options;
    const found = await scanRepository(directory);
    const offered: { readonly model: ServedModel; readonly slots: readonly Slot[] }[] = [];
    for (const foundModel of found.values()) {
      const model = this.#model(foundModel.name);
      model.found = foundModel;
      offered.push({ model, slots: await this.#offer(model) });
    }
    offered.sort((a, b) => Number(isPinned(b.slots)) - Number(isPinned(a.slots)));
    if (found.size === 0)
      log.warn({ directory }, 'the folder of models is empty: put a model into DIR/<model>/<version>/model.onnx');
    this.#startup = this.#loadAll(offered).catch((cause: unknown) =>
      log.error({ err: cause }, 'the start-up of models was interrupted'),
    );
    if (poll_ms > 0) {
      this.#watch = new RepositoryWatch({
        directory,
        poll_ms,
        log,
        served: () => this.#fingerprints(),
        changed: (name, now) => this.#changed(name, now),
      });
    }
  }

  async #loadAll(offered: readonly { readonly model: ServedModel; readonly slots: readonly Slot[] }[]): Promise<void> {
    const waiting = [...offered];
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined && !this.#closed; next = waiting.shift()) {
        const { model, slots } = next;
        await this.#inTurn(model.name, () => this.#reconcile(model, 'fitting', slots));
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
    const turn = model.tail.then(change);
    model.tail = turn.catch(() => undefined).then(() => this.#forgetIfGone(model));
    return turn;
  }

  /** A model without files is remembered until the last of its versions is drained. */
  #forgetIfGone(model: ServedModel): void {
    const gone = model.found === undefined && model.override === undefined;
    if (gone && model.empty && this.#models.get(model.name) === model) this.#models.delete(model.name);
  }

  /** Makes what is served equal to what the files and the manifest say, as far as that loads. */
  async #reconcile(model: ServedModel, policy: LoadPolicy, first?: readonly Slot[]): Promise<void> {
    let slots = first ?? (await this.#offer(model));
    while (slots.length > 0 && !this.#closed) {
      await Promise.all(slots.map((slot) => this.#bring(model, slot, policy)));
      // A version that failed may leave its place to the one below.
      slots = await this.#offer(model);
    }
  }

  async #bring(model: ServedModel, slot: Slot, policy: LoadPolicy): Promise<void> {
    const { handle, memory_bytes, manifest } = slot.served;
    const mayWait = policy === 'fitting' && !manifest.pinned && !model.hasStandIn(handle);
    if (mayWait && !this.#loader.memory.fits(memory_bytes) && memory_bytes <= this.#loader.memory.budget_bytes) {
      model.apply({ type: 'defer', handle });
    } else {
      await this.#loader.load(model, slot);
    }
  }

  /** Announces generations for all wanted versions that have none as the files are now, and returns them. */
  async #offer(model: ServedModel): Promise<readonly Slot[]> {
    const found = model.override?.found ?? model.found;
    if (model.unloaded || found === undefined) {
      model.apply({ type: 'want', versions: [] });
      return [];
    }
    const manifest = await this.#manifest(model, found);
    if (manifest === undefined) return [];
    model.manifest = manifest;
    const offered: Slot[] = [];
    for (let again = true; again; ) {
      again = false;
      const broken = new Set(
        [...model.failures]
          .filter(([version, failure]) => failure.key === keyOf(model, found, version))
          .map(([version]) => version),
      );
      const picked = pickVersions(manifest.versions, found.versions.keys(), broken);
      if (picked.length === 0 && found.versions.size > 0) {
        this.#nothingPicked(model, found);
        return offered;
      }
      model.apply({ type: 'want', versions: picked });
      for (const version of model.failures.keys()) if (!picked.includes(version)) model.failures.delete(version);
      for (const version of picked) {
        const key = keyOf(model, found, version);
        if (broken.has(version) || model.newest(version)?.key === key) continue;
        const slot = this.#describe(model, found, version, manifest);
        if (slot === undefined) again = true;
        else offered.push(slot);
      }
    }
    return offered;
  }

  async #manifest(model: ServedModel, found: FoundModel): Promise<Manifest | undefined> {
    if (model.override !== undefined) return model.override.manifest;
    try {
      return await readManifestFile(join(found.directory, MANIFEST_NAME));
    } catch (cause) {
      const version = Math.max(0, ...found.versions.keys());
      this.#failed(model, version, keyOf(model, found, version), asTidegateError(cause), Number.POSITIVE_INFINITY);
      return undefined;
    }
  }

  /** Most likely a slip in a manifest: what is served stays. */
  #nothingPicked(model: ServedModel, found: FoundModel): void {
    const present = [...found.versions.keys()];
    const newest = Math.max(...present);
    const reason = `its version policy takes none of the versions that are there: ${present.join(', ')}`;
    const error = new TidegateError('INVALID_CONFIG', reason);
    this.#failed(model, newest, keyOf(model, found, newest), error, Number.POSITIVE_INFINITY);
  }

  #describe(model: ServedModel, found: FoundModel, version: number, manifest: Manifest): Slot | undefined {
    const key = keyOf(model, found, version);
    const foundVersion = found.versions.get(version);
    if (foundVersion === undefined) return undefined;
    try {
      const { workers } = this.#options;
      const served = describeVersion(this.#nextHandle++, {
        model: model.name,
        found: foundVersion,
        manifest,
        config: model.override?.config,
        workers,
      });
      const slot: Slot = {
        served,
        key,
        dormant: true,
        touched: ++this.#uses,
        loading: undefined,
        abort: new AbortController(),
      };
      model.offer(slot);
      const refusal = this.#loader.refusalOf(served.handle);
      if (refusal === undefined) return slot;
      model.apply({ type: 'load', handle: served.handle });
      model.apply({ type: 'load-failed', handle: served.handle });
      throw refusal;
    } catch (cause) {
      this.#failed(model, version, key, asTidegateError(cause), Number.POSITIVE_INFINITY);
      return undefined;
    }
  }

  #failed(model: ServedModel, version: number, key: string, error: TidegateError, retry_at: number): void {
    const failure: Failure = { key, error, retry_at };
    model.failures.set(version, failure);
    this.#options.log.error(
      { model: model.name, version, err: error },
      `model version failed to load: ${error.message}`,
    );
  }

  /** `wasLazy`: it had been out of memory, and requests waited for it. */
  #loadFailed(model: ServedModel, slot: Slot, error: TidegateError, wasLazy: boolean): void {
    const { version, manifest, config } = slot.served;
    if (this.#closed || model.unloaded) return;
    const passing = error.retryable && error.retry_after_ms !== undefined;
    const source = model.override?.found ?? model.found;
    if (wasLazy && passing && source?.versions.has(version) === true && keyOf(model, source, version) === slot.key) {
      // What waited has failed; the next request finds a fresh generation that may try again.
      const served: ServedVersion = { ...slot.served, handle: this.#nextHandle++ };
      const renewed: Slot = {
        served,
        key: slot.key,
        dormant: true,
        touched: slot.touched,
        loading: undefined,
        abort: new AbortController(),
      };
      model.offer(renewed);
      model.apply({ type: 'defer', handle: served.handle });
      this.#options.log.warn(
        { model: model.name, version, manifest: manifest.description, config, err: error },
        'model version could not be loaded now',
      );
      return;
    }
    this.#failed(model, version, slot.key, error, passing ? performance.now() + RETRY_MS : Number.POSITIVE_INFINITY);
    if (wasLazy) this.#background(model, () => this.#reconcile(model, 'fitting'));
  }

  #background(model: ServedModel, change: () => Promise<void>): void {
    this.#inTurn(model.name, change).catch((cause: unknown) => {
      this.#options.log.error({ model: model.name, err: cause }, 'a change to a model was interrupted');
    });
  }

  async #load(name: string, override: LoadOverride): Promise<void> {
    const model = this.#model(name);
    const before = { override: model.override, epoch: model.epoch, unloaded: model.unloaded, manifest: model.manifest };
    const found = await scanModel(this.#options.directory, name);
    const read = await readOverride(name, override);
    if (found === undefined && read?.found === undefined)
      throw loadFailed(name, 'failed to poll from model repository');
    model.found = found;
    model.override = read;
    model.epoch = before.epoch + 1;
    model.unloaded = false;
    model.failures.clear();
    await this.#reconcile(model, 'eager');
    const source = read?.found ?? found;
    const [broken] = [...model.failures].filter(
      ([version, { key }]) => source !== undefined && key === keyOf(model, source, version),
    );
    const served = [...model.table.values()].some((slot) => slot.key.startsWith(`${model.epoch}/`));
    if (broken === undefined && served) {
      if (before.override?.found !== undefined) await removeOverrideFiles(before.override.found);
      this.#options.log.info({ model: name, versions: model.wanted }, 'model loaded');
      return;
    }
    if (!served && model.table.size > 0) this.#restore(model, before);
    if (model.override !== read && read?.found !== undefined) await removeOverrideFiles(read.found);
    if (model.unloaded) throw loadFailed(name, 'it was unloaded meanwhile');
    if (broken === undefined) throw loadFailed(name, 'it has no versions');
    throw loadFailed(name, `version ${broken[0]}: ${broken[1].error.message}`, broken[1].error);
  }

  /** Nothing of a load worked, and the model still answers as before: then it is as it was before. */
  #restore(model: ServedModel, before: Pick<ServedModel, 'override' | 'epoch' | 'manifest'>): void {
    model.override = before.override;
    model.epoch = before.epoch;
    model.manifest = before.manifest;
    model.failures.clear();
  }

  async #dropFiles(model: ServedModel): Promise<void> {
    const files = model.override?.found;
    if (files === undefined) return;
    model.override = undefined;
    await removeOverrideFiles(files);
  }

  /** What the watch compares the folder with. */
  #fingerprints(): ReadonlyMap<string, string> {
    const now = performance.now();
    for (const model of this.#models.values()) {
      const again = [...model.failures].filter(([, failure]) => failure.retry_at <= now);
      for (const [version] of again) model.failures.delete(version);
      if (again.length > 0) this.#background(model, () => this.#reconcile(model, 'fitting'));
    }
    return new Map([...this.#models.values()].map((model) => [model.name, fingerprint(model.found)]));
  }

  #changed(name: string, found: FoundModel | undefined): void {
    if (this.#closed) return;
    const model = this.#model(name);
    this.#background(model, async () => {
      if (fingerprint(model.found) === fingerprint(found)) return;
      this.#options.log.info(
        { model: name, versions: [...(found?.versions.keys() ?? [])] },
        'the files of a model changed',
      );
      model.found = found;
      if (model.override?.found !== undefined) return;
      model.unloaded = false;
      await this.#reconcile(model, 'fitting');
    });
  }
}

function isPinned(slots: readonly Slot[]): boolean {
  return slots.some((slot) => slot.served.manifest.pinned);
}

/** All that makes a version what it is: when it changes, the version is loaded anew. */
function keyOf(model: ServedModel, found: FoundModel, version: number): string {
  const manifest = model.override === undefined ? found.manifest_stamp : '';
  return `${model.epoch}/${manifest}/${found.versions.get(version)?.stamp ?? ''}`;
}

function loadFailed(name: string, reason: string, cause?: TidegateError): TidegateError {
  const code = cause?.retryable === true ? cause.code : 'MODEL_LOAD_FAILED';
  return new TidegateError(code, `failed to load '${name}', ${reason}`, { cause });
}

function retired(model: ServedModel): TidegateError {
  return new TidegateError('MODEL_NOT_READY', `model '${model.name}' was unloaded`);
}

function stopping(): TidegateError {
  return new TidegateError('SHUTTING_DOWN', 'the node is stopping: send the request to another one');
}
