import type { IndexEntry, LoadOverride, ModelCatalog, ServedVersion } from '../model/served-version.js';
import type { FleetCatalog } from './fleet-catalog.js';

/**
 * A node with a folder of models that is also a member of a fleet. A name that the fleet serves is the fleet's, whatever the folder holds; other
 * names are the folder's. So a node that waits for its fleet, or lost it, serves what it has.
 */
export class CombinedCatalog implements ModelCatalog {
  readonly #fleet: FleetCatalog;
  readonly #folder: ModelCatalog;

  constructor(fleet: FleetCatalog, folder: ModelCatalog) {
    this.#fleet = fleet;
    this.#folder = folder;
  }

  resolve(model: string, version: string, key?: string): ServedVersion {
    return this.#fleet.has(model) ? this.#fleet.resolve(model, version, key) : this.#folder.resolve(model, version);
  }

  describe(model: string, version: string): ServedVersion {
    return this.#of(model).describe(model, version);
  }

  roleOf(model: string, version: string): string {
    return this.#fleet.has(model) ? this.#fleet.roleOf(model, version) : '';
  }

  versions(model: string): readonly number[] {
    return this.#of(model).versions(model);
  }

  ready(model: string, version: string): boolean {
    return this.#of(model).ready(model, version);
  }

  models(): readonly string[] {
    return [...new Set([...this.#fleet.models(), ...this.#folder.models()])].sort();
  }

  index(): readonly IndexEntry[] {
    const own = this.#folder.index().filter(({ name }) => !this.#fleet.has(name));
    return [...this.#fleet.index(), ...own].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  load(model: string, override: LoadOverride): Promise<void> {
    return this.#of(model).load(model, override);
  }

  unload(model: string): Promise<void> {
    return this.#of(model).unload(model);
  }

  get settled(): boolean {
    return this.#fleet.settled && this.#folder.settled;
  }

  memory(): { readonly used_bytes: number; readonly budget_bytes: number } {
    const [fleet, folder] = [this.#fleet.memory(), this.#folder.memory()];
    return { used_bytes: fleet.used_bytes + folder.used_bytes, budget_bytes: fleet.budget_bytes };
  }

  #of(model: string): ModelCatalog {
    return this.#fleet.has(model) ? this.#fleet : this.#folder;
  }
}
