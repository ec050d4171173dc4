import { join } from 'node:path';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { Manifest } from '../../contract/manifest.js';
import type { FoundDevice } from './device.js';
import { newHandle } from './handle.js';
import { MANIFEST_NAME, readManifestFile } from './manifest-file.js';
import type { RepositoryLog } from './repository-log.js';
import { type FoundModel, pickVersions } from './scan.js';
import type { ServedModel, Slot } from './served-model.js';
import type { ServedVersion } from './served-version.js';
import { describeVersion } from './version-description.js';
import type { VersionLoader } from './version-loader.js';

/** A load that failed for a passing reason (no memory, a lost worker) is tried again after this time, then after twice as long. */
const RETRY_MS = 5000;
const MOST_RETRY_MS = 300_000;

/** When a change to a model may load versions: `eager` even by evicting others, `fitting` while there is room. */
export type LoadPolicy = 'eager' | 'fitting';

export interface ReconcilerOptions {
  readonly loader: VersionLoader;
  /** Worker threads there are. */
  readonly workers: number;
  /** What this node found out about its devices; absent: it has not looked. */
  readonly devices?: readonly FoundDevice[];
  readonly log: RepositoryLog;
}

/** Makes what is served of a model equal to what its files and its manifest say, as far as that loads. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #closed = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Nothing is loaded or tried again from now on. */
  close(): void {
    this.#closed = true;
  }

  /** `first`: what `offer` has offered already. Resolves when all of it has loaded, failed, or been left for its first request. */
  async reconcile(model: ServedModel, policy: LoadPolicy, first?: readonly Slot[]): Promise<void> {
    let slots = first ?? (await this.offer(model));
    while (slots.length > 0 && !this.#closed) {
      await Promise.all(slots.map((slot) => this.#bring(model, slot, policy)));
      // A version that failed may leave its place to the one below.
      slots = await this.offer(model);
    }
  }

  /** Announces generations for all wanted versions that have none as the files are now, and returns them. */
  async offer(model: ServedModel): Promise<readonly Slot[]> {
    const found = foundOf(model);
    if (model.unloaded || found === undefined) {
      model.apply({ type: 'want', versions: [] });
      return [];
    }
    if (found.problem !== undefined) {
      this.#failed(model, 0, keyOf(model, found, 0), new TidegateError('INVALID_CONFIG', found.problem));
      return [];
    }
    const manifest = await this.#manifest(model, found);
    if (manifest === undefined) return [];
    model.manifest = manifest;
    const offered: Slot[] = [];
    // A file that cannot be read may leave its place to the version below, too.
    for (let again = true; again; ) {
      const picked = this.#pick(model, found, manifest);
      if (picked === undefined) return offered;
      const missing = picked.filter(
        (version) => model.newest(version)?.key !== keyOf(model, found, version) && !isBroken(model, found, version),
      );
      const slots = missing.map((version) => this.#describe(model, found, version, manifest));
      offered.push(...slots.filter((slot) => slot !== undefined));
      again = slots.includes(undefined);
    }
    return offered;
  }

  /** A load failed. `wasLazy`: its version had been out of memory, and requests waited for it. */
  loadFailed(model: ServedModel, slot: Slot, error: TidegateError, wasLazy: boolean): void {
    if (this.#closed || model.unloaded) return;
    const { version } = slot.served;
    const passing = error.retry_after_ms !== undefined || error.code === 'WORKER_LOST';
    const found = foundOf(model);
    if (wasLazy && passing && found !== undefined && keyOf(model, found, version) === slot.key) {
      this.#renew(model, slot);
      this.#options.log.warn({ model: model.name, version, err: error }, 'model version could not be loaded now');
      return;
    }
    this.#failed(model, version, slot.key, error, passing);
  }

  /** What waited for this generation has failed; the next request finds a fresh one that may try again. */
  #renew(model: ServedModel, slot: Slot): void {
    const served: ServedVersion = { ...slot.served, handle: newHandle() };
    model.offer(newSlot(served, slot.key, slot.touched));
    model.apply({ type: 'defer', handle: served.handle });
  }

  async #bring(model: ServedModel, slot: Slot, policy: LoadPolicy): Promise<void> {
    const { handle, memory_bytes, manifest } = slot.served;
    const { memory } = this.#options.loader;
    const mayWait = policy === 'fitting' && !manifest.pinned && !model.hasStandIn(handle);
    if (mayWait && !memory.fits(memory_bytes) && memory_bytes <= memory.budget_bytes) {
      model.apply({ type: 'defer', handle });
    } else {
      await this.#options.loader.load(model, slot);
      if (model.generation(handle)?.proven === true) model.failures.delete(slot.served.version);
    }
  }

  /** The versions that should be served now; undefined: the policy makes no sense, and what is served stays. */
  #pick(model: ServedModel, found: FoundModel, manifest: Manifest): readonly number[] | undefined {
    const present = [...found.versions.keys()];
    const broken = new Set(present.filter((version) => isBroken(model, found, version)));
    const picked = pickVersions(manifest.versions, present, broken);
    if (picked.length === 0 && present.length > 0) {
      const reason = `its version policy takes none of the versions that are there: ${present.join(', ')}`;
      const newest = Math.max(...present);
      const key = keyOf(model, found, newest);
      this.#failed(model, newest, key, new TidegateError('INVALID_CONFIG', reason));
      return undefined;
    }
    model.apply({ type: 'want', versions: picked });
    for (const version of model.failures.keys()) if (!picked.includes(version)) model.failures.delete(version);
    return picked;
  }

  async #manifest(model: ServedModel, found: FoundModel): Promise<Manifest | undefined> {
    if (model.override !== undefined) return model.override.manifest;
    try {
      return await readManifestFile(join(found.directory, MANIFEST_NAME));
    } catch (cause) {
      const newest = Math.max(0, ...found.versions.keys());
      this.#failed(model, newest, keyOf(model, found, newest), asTidegateError(cause));
      return undefined;
    }
  }

  #describe(model: ServedModel, found: FoundModel, version: number, manifest: Manifest): Slot | undefined {
    const key = keyOf(model, found, version);
    const { workers, loader, devices = [] } = this.#options;
    try {
      const source = {
        model: model.name,
        found: versionOf(found, version),
        manifest,
        config: model.override?.config,
        workers,
        devices,
      };
      const served = describeVersion(newHandle(), source);
      const slot = newSlot(served, key, model.touched);
      model.offer(slot);
      const refusal = loader.refusalOf(served.handle);
      if (refusal === undefined) return slot;
      model.apply({ type: 'load', handle: served.handle });
      model.apply({ type: 'load-failed', handle: served.handle });
      throw refusal;
    } catch (cause) {
      this.#failed(model, version, key, asTidegateError(cause));
      return undefined;
    }
  }

  #failed(model: ServedModel, version: number, key: string, error: TidegateError, passing = false): void {
    const before = model.failures.get(version);
    const attempts = before?.key === key ? before.attempts + 1 : 1;
    const retry_ms = Math.min(RETRY_MS * 2 ** (attempts - 1), MOST_RETRY_MS);
    const retry_at = passing ? performance.now() + retry_ms : Number.POSITIVE_INFINITY;
    model.failures.set(version, { key, error, retry_at, attempts });
    this.#options.log.error(
      { model: model.name, version, err: error },
      `model version failed to load: ${error.message}`,
    );
  }
}

/** Where the versions of a model are taken from. */
export function foundOf(model: ServedModel): FoundModel | undefined {
  return model.override?.found ?? model.found;
}

/** All that makes a version what it is: when it changes, the version is loaded anew. */
export function keyOf(model: ServedModel, found: FoundModel, version: number): string {
  const manifest = model.override === undefined ? found.manifest_stamp : '';
  return `${model.epoch}/${manifest}/${found.versions.get(version)?.stamp ?? 'gone'}`;
}

/** Whether it failed as the files are now. */
export function isBroken(model: ServedModel, found: FoundModel, version: number): boolean {
  const failure = model.failures.get(version);
  return failure !== undefined && failure.retry_at !== 0 && failure.key === keyOf(model, found, version);
}

function versionOf(found: FoundModel, version: number) {
  const foundVersion = found.versions.get(version);
  if (foundVersion === undefined)
    throw new TidegateError('INTERNAL', `version ${version} is not in ${found.directory}`);
  return foundVersion;
}

function newSlot(served: ServedVersion, key: string, touched: number): Slot {
  return { served, key, dormant: true, touched, loading: undefined, abort: new AbortController() };
}
