import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BinSpec } from '../../../contract/bin-spec.js';
import type { SpecSource } from './batch-encoder.js';
import { specFor } from './binning.js';
import { SpecsSchema } from './spec-rows.js';

const NAME = 'bin-specs.json';
/** Of each model: the newest, and those that a batch which is on its way may have been settled with. */
const KEPT_OF_A_MODEL = 8;

/** The specs that rows are binned with, also on disk: a node that starts while ClickHouse is away bins as before. */
export class SpecCache implements SpecSource {
  readonly #path: string;
  #specs: readonly BinSpec[];

  constructor(directory: string) {
    this.#path = join(directory, NAME);
    this.#specs = readSpecs(this.#path);
  }

  newest(model: string, version: number): BinSpec | undefined {
    return specFor(this.#specs, model, version);
  }

  byId(model: string, spec_id: number): BinSpec | undefined {
    return this.#specs.find((spec) => spec.model === model && spec.spec_id === spec_id);
  }

  /** Adds what is new. A spec never changes, so one that is known is kept as it is. */
  learn(found: readonly BinSpec[]): void {
    const unknown = found.filter(({ model, spec_id }) => this.byId(model, spec_id) === undefined);
    if (unknown.length === 0) return;
    this.#specs = newestOfEach([...this.#specs, ...unknown]);
    const beside = `${this.#path}.new`;
    writeFileSync(beside, JSON.stringify(this.#specs));
    renameSync(beside, this.#path);
  }
}

function newestOfEach(specs: readonly BinSpec[]): BinSpec[] {
  const kept = new Map<string, number>();
  return [...specs]
    .sort((a, b) => b.spec_id - a.spec_id)
    .filter(({ model }) => {
      const count = (kept.get(model) ?? 0) + 1;
      kept.set(model, count);
      return count <= KEPT_OF_A_MODEL;
    });
}

/** What cannot be read is fetched again. */
function readSpecs(path: string): BinSpec[] {
  try {
    const parsed = SpecsSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : [];
  } catch {
    return [];
  }
}
