import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';

/** New versions are seen after so long. */
const FRESH_MS = 5000;

interface Cached {
  readonly asked_ms: number;
  readonly layouts: Promise<readonly ReadLayout[]>;
}

/** Layouts of models that are asked for again and again. */
export class Layouts {
  readonly #client: ClickHouseClient;
  readonly #database: string;
  readonly #known = new Map<string, Cached>();

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  /** Newest version first, never empty. Throws MODEL_NOT_FOUND for a model of which nothing was logged. */
  of(model: string): Promise<readonly ReadLayout[]> {
    const cached = this.#known.get(model);
    if (cached !== undefined && performance.now() - cached.asked_ms < FRESH_MS) return cached.layouts;
    const layouts = layoutsOf(this.#client, this.#database, model);
    // What fails is asked again at once by the next one; whoever waits for this one sees the failure.
    layouts.catch(() => this.#known.delete(model));
    this.#known.set(model, { asked_ms: performance.now(), layouts });
    return layouts;
  }

  /** The layout of one version; undefined where none was logged. */
  async version(model: string, version: number): Promise<ReadLayout | undefined> {
    return (await this.of(model)).find((layout) => layout.version === version);
  }
}
