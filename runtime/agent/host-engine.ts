import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredVersion } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import { type RouteTable, routeTable } from '../../contract/routing.js';
import { artefactAmong } from '../model/artefact.js';
import type { FoundDevice } from '../model/device.js';
import { newHandle } from '../model/handle.js';
import { MANIFEST_NAME, readManifestFile } from '../model/manifest-file.js';
import type { ModelHost, ServedVersion } from '../model/served-version.js';
import { describeVersion } from '../model/version-description.js';
import type { Engine, VersionBytes } from './ports.js';

export interface HostEngineOptions {
  readonly host: ModelHost;
  /** Worker threads there are. */
  readonly workers: number;
  /** What this node found out about its devices; absent: it has not looked. */
  readonly devices?: readonly FoundDevice[];
  readonly limits: Pick<Limits, 'model_load_timeout_ms' | 'drain_timeout_ms'>;
  readonly budget_bytes: number;
  /** The folder in which a version's files lie. */
  locate(bytes: VersionBytes): string;
}

/** What requests of one model go to. */
export interface Serving {
  readonly routes: RouteTable;
  readonly byVersion: ReadonlyMap<number, ServedVersion>;
}

/** The engine of the agent over the threads that run models: the same ones that serve a folder on a node without a fleet. */
export class HostEngine implements Engine {
  readonly #options: HostEngineOptions;
  readonly #resident = new Map<string, ServedVersion>();
  readonly #serving = new Map<string, Serving>();

  constructor(options: HostEngineOptions) {
    this.#options = options;
  }

  get budget_bytes(): number {
    return this.#options.budget_bytes;
  }

  get used_bytes(): number {
    let used = 0;
    for (const { memory_bytes } of this.#resident.values()) used += memory_bytes;
    return used;
  }

  get models(): readonly string[] {
    return [...this.#serving.keys()].sort();
  }

  serving(model: string): Serving | undefined {
    return this.#serving.get(model);
  }

  /** Versions in memory whose threads died again and again: they answer nothing any more. */
  lost(): readonly { readonly model: string; readonly digest: string; readonly reason: string }[] {
    const lost: { readonly model: string; readonly digest: string; readonly reason: string }[] = [];
    for (const [key, { model, handle }] of this.#resident) {
      const refusal = this.#options.host.refusal(handle);
      if (refusal !== undefined)
        lost.push({ model, digest: key.slice(key.lastIndexOf('/') + 1), reason: refusal.message });
    }
    return lost;
  }

  async load(bytes: VersionBytes): Promise<{ readonly memory_bytes: number }> {
    const { host, limits } = this.#options;
    const served = await this.#described(bytes);
    this.#claim(bytes, served);
    const limit_ms = limits.model_load_timeout_ms;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const reason = `it did not load within ${limit_ms} ms (limit model_load_timeout_ms)`;
      abort.abort(new TidegateError('MODEL_LOAD_FAILED', reason));
    }, limit_ms);
    try {
      host.announce(served);
      await host.load(served, abort.signal);
      return { memory_bytes: served.memory_bytes };
    } catch (thrown) {
      this.#release(bytes, served);
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The threads have run it once with zeros as a part of loading it. */
  async warm(bytes: VersionBytes): Promise<void> {
    const refused = this.#options.host.refusal(this.#found(bytes).handle);
    if (refused !== undefined) throw refused;
  }

  switchTo(model: string, table: readonly DesiredVersion[]): void {
    const byVersion = new Map(table.map(({ version, digest }) => [version, this.#found({ model, version, digest })]));
    this.#arrange(this.#serving.get(model), table, byVersion);
    if (table.length === 0) {
      this.#serving.delete(model);
      return;
    }
    this.#serving.set(model, { routes: routeTable(model, table), byVersion });
  }

  #arrange(
    before: Serving | undefined,
    table: readonly DesiredVersion[],
    byVersion: ReadonlyMap<number, ServedVersion>,
  ): void {
    const { host } = this.#options;
    // Each alone: what serves no more copies nothing, and what it still answers is logged as what it was.
    for (const { version, role } of before?.routes.entries ?? []) {
      const served = before?.byVersion.get(version);
      if (served !== undefined) host.arrange?.([{ handle: served.handle, variant: role }]);
    }
    const now = table.flatMap(({ version, role }) => {
      const served = byVersion.get(version);
      return served === undefined ? [] : [{ handle: served.handle, variant: role }];
    });
    host.arrange?.(now);
  }

  async drain(bytes: VersionBytes): Promise<void> {
    await this.#options.host.drain(this.#found(bytes).handle, this.#options.limits.drain_timeout_ms);
  }

  async unload(bytes: VersionBytes): Promise<void> {
    const served = this.#found(bytes);
    try {
      await this.#options.host.unload(served.handle);
    } finally {
      this.#release(bytes, served);
    }
  }

  /** The same digest under two names is two versions in memory: their statistics and their log are not the same. */
  #key({ model, version, digest }: VersionBytes): string {
    return `${model}/${version}/${digest}`;
  }

  #found(bytes: VersionBytes): ServedVersion {
    const served = this.#resident.get(this.#key(bytes));
    if (served === undefined) {
      throw new TidegateError('INTERNAL', `model '${bytes.model}' version ${bytes.version} is not in memory`);
    }
    return served;
  }

  async #described(bytes: VersionBytes): Promise<ServedVersion> {
    const directory = this.#options.locate(bytes);
    const { model, version, digest } = bytes;
    const artefact = join(directory, artefactAmong((await readdir(directory)).sort()));
    const manifest = await readManifestFile(join(directory, MANIFEST_NAME));
    const { workers, devices = [] } = this.#options;
    const found = { version, artefact, stamp: digest };
    return describeVersion(newHandle(), { model, found, manifest, config: undefined, workers, devices });
  }

  #claim(bytes: VersionBytes, served: ServedVersion): void {
    const { used_bytes, budget_bytes } = this;
    const { memory_bytes } = served;
    if (used_bytes + memory_bytes > budget_bytes) {
      throw new TidegateError(
        'MEMORY_EXHAUSTED',
        `model '${bytes.model}' version ${bytes.version} needs ${memory_bytes} bytes of memory; ${used_bytes} of ${budget_bytes} are taken`,
      );
    }
    this.#resident.set(this.#key(bytes), served);
  }

  #release(bytes: VersionBytes, { handle }: ServedVersion): void {
    const reason = `model '${bytes.model}' version ${bytes.version} is no longer served`;
    this.#options.host.forget(handle, new TidegateError('MODEL_NOT_READY', reason));
    this.#resident.delete(this.#key(bytes));
  }
}
