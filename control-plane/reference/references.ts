import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import type { BinSpec, FeatureBins } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';
import { logRows, type RowFilter } from '../log/rows.js';
import { binCounts } from './bin-counts.js';
import { categoriesOf, countsInOrder, FEW_VALUES, fineBins, numericEdges } from './edges.js';
import { type FeatureColumn, featureColumns } from './feature-column.js';
import { withSentRows } from './sent-rows.js';

/** A reference of drift, without its bins. */
export interface ReferenceEntry {
  readonly reference_id: number;
  readonly model: string;
  readonly version: number;
  readonly features: number;
  /** Rows that it was made from, and of which version. */
  readonly rows: number;
  readonly of_version?: number | undefined;
  /** The window; undefined: it was made from a file. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly created_at: string;
}

/** Rows that a reference is made from. */
interface ReferenceRows {
  /** Stands behind FROM. */
  readonly source: string;
  readonly columns: readonly FeatureColumn[];
  /** `the file has` */
  readonly what: string;
}

const OriginSchema = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  rows: z.number(),
  of_version: z.number().optional(),
});
const EntrySchema = z.object({
  spec_id: z.coerce.number(),
  version: z.number(),
  features: z.coerce.number(),
  origin: z.string(),
  created_at: z.string(),
});
const SpecRowSchema = z.object({
  version: z.number(),
  feature: z.string(),
  kind: z.enum(['numeric', 'categorical']),
  edges: z.array(z.number()),
  coarse: z.array(z.number()),
  categories: z.array(z.string()),
  reference: z.array(z.coerce.number()),
});
const nullable = z.number().nullable();
const SummarySchema = z.object({
  least: nullable,
  greatest: nullable,
  found: z.array(z.number()),
  quantiles: z.array(nullable),
});

/** Fewer rows make no reference: every edge would be an accident. */
export const LEAST_REFERENCE_ROWS = 100;

/** Frozen references of models, as rows of `bin_specs`. None is ever changed: another reference is another id. */
export class References {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  readonly #signal: AbortSignal | undefined;

  /** `signal`: nothing is asked any more, and nothing is written, once it says so. */
  constructor(client: ClickHouseClient, database: string, signal?: AbortSignal) {
    this.#client = client;
    this.#database = database;
    this.#signal = signal;
  }

  /** Newest first. */
  async list(model: string): Promise<ReferenceEntry[]> {
    const rows = await this.#rows(
      `SELECT spec_id, any(version) AS version, count() AS features, any(origin) AS origin, toString(min(created_at)) AS created_at
       FROM ${this.#database}.bin_specs FINAL WHERE model = ${quoted(model)} GROUP BY spec_id ORDER BY spec_id DESC`,
    );
    return z
      .array(EntrySchema)
      .parse(rows)
      .map(({ spec_id, origin, ...rest }) => ({
        reference_id: spec_id,
        model,
        ...rest,
        ...OriginSchema.parse(JSON.parse(origin)),
      }));
  }

  /** Throws NOT_FOUND where there is none. */
  async read(model: string, reference_id: number): Promise<BinSpec> {
    const rows = await this.#rows(
      `SELECT version, feature, kind, edges, coarse, categories, reference FROM ${this.#database}.bin_specs FINAL
       WHERE model = ${quoted(model)} AND spec_id = ${reference_id} ORDER BY position`,
    );
    const features = z.array(SpecRowSchema).parse(rows);
    if (features.length === 0) {
      throw new TidegateError(
        'NOT_FOUND',
        `model '${model}' has no reference ${reference_id}: GET …/references lists them`,
      );
    }
    const [{ version }] = features;
    return { spec_id: reference_id, model, version, features: features.map(binsOf) };
  }

  /** Freezes what was logged in a window. Throws MODEL_NOT_FOUND, and INVALID_REQUEST for a window with too few rows. */
  async freeze(filter: RowFilter): Promise<ReferenceEntry> {
    const layout = await this.#layout(filter.model, filter.version);
    const source = logRows(this.#database, { ...filter, version: layout.version });
    const [from, to] = [new Date(filter.from_ms).toISOString(), new Date(filter.to_ms).toISOString()];
    const what = `the window from ${from} to ${to} has`;
    return this.#make(
      filter.model,
      { source, columns: featureColumns(layout), what },
      { from, to, of_version: layout.version },
    );
  }

  /** Makes one of the rows of a file. Throws as `freeze`, and INVALID_REQUEST for a file that cannot be read or lacks a feature. */
  async fromFile(
    { model, version }: { readonly model: string; readonly version?: number | undefined },
    file: { readonly rows: Readable; readonly format: string },
  ): Promise<ReferenceEntry> {
    const layout = await this.#layout(model, version);
    return withSentRows(this.#client, this.#database, layout, file, ({ table, columns }) =>
      this.#make(model, { source: table, columns, what: 'the file has' }, { of_version: layout.version }),
    );
  }

  async #layout(model: string, version: number | undefined): Promise<ReadLayout> {
    const layouts = await layoutsOf(this.#client, this.#database, model);
    const layout = layouts.find((each) => version === undefined || each.version === version);
    if (layout !== undefined) return layout;
    throw new TidegateError('MODEL_NOT_FOUND', `version ${version} of model '${model}' has never been logged`);
  }

  async #make(model: string, { source, columns, what }: ReferenceRows, origin: object): Promise<ReferenceEntry> {
    const rows = await this.#count(source);
    if (rows < LEAST_REFERENCE_ROWS) {
      const message = `${what} ${rows} rows of ${model}: a reference needs ${LEAST_REFERENCE_ROWS}`;
      throw new TidegateError('INVALID_REQUEST', message);
    }
    const shapes = await Promise.all(columns.map((column) => this.#shape(column, source, fineBins(columns.length))));
    const counted = await binCounts(this.#client, source, columns, shapes);
    const features = shapes.map((bins, i): FeatureBins => ({ ...bins, reference: countsInOrder(bins, counted[i]) }));
    this.#signal?.throwIfAborted();
    // Two that are made in the same millisecond must not be one.
    const spec_id = Date.now() * 1000 + Math.floor(Math.random() * 1000);
    await this.#write({ spec_id, model, version: 0, features }, JSON.stringify({ ...origin, rows }));
    const [entry] = (await this.list(model)).filter(({ reference_id }) => reference_id === spec_id);
    return entry;
  }

  async #count(source: string): Promise<number> {
    const [row] = await this.#rows(`SELECT count() AS n FROM ${source}`);
    return z.object({ n: z.coerce.number() }).parse(row).n;
  }

  async #shape({ feature, kind, value }: FeatureColumn, source: string, bins: number): Promise<FeatureBins> {
    if (kind === 'categorical') {
      const rows = await this.#rows(
        `SELECT ${value} AS category FROM ${source} GROUP BY category ORDER BY count() DESC, category LIMIT 1001`,
      );
      const found = z.array(z.object({ category: z.string() })).parse(rows);
      return { kind, feature, categories: categoriesOf(found.map(({ category }) => category)), reference: [] };
    }
    const levels = Array.from({ length: bins - 1 }, (_, i) => (i + 1) / bins).join(', ');
    const [row] = await this.#rows(
      `SELECT min(x) AS least, max(x) AS greatest, arraySort(groupUniqArray(${FEW_VALUES + 1})(x)) AS found, quantilesTDigest(${levels})(x) AS quantiles
       FROM (SELECT ${value} AS x FROM ${source}) WHERE isFinite(x)`,
    );
    const { least, greatest, found, quantiles } = SummarySchema.parse(row);
    const summary = {
      least: found.length === 0 ? Number.NaN : (least ?? Number.NaN),
      greatest: greatest ?? Number.NaN,
      values: found.length > FEW_VALUES ? undefined : found,
      // A digest answers in between what was seen; outside of it the edges are the extremes.
      quantiles: quantiles.flatMap((edge) =>
        edge === null || edge <= found[0] || edge >= (greatest ?? 0) ? [] : [edge],
      ),
    };
    return { kind, feature, ...numericEdges(summary), reference: [] };
  }

  async #write({ spec_id, model, version, features }: BinSpec, origin: string): Promise<void> {
    const values = features.map((bins, position) => ({
      model,
      spec_id,
      version,
      position,
      feature: bins.feature,
      kind: bins.kind,
      edges: bins.kind === 'numeric' ? bins.edges : [],
      coarse: bins.kind === 'numeric' ? bins.coarse : [],
      categories: bins.kind === 'categorical' ? bins.categories : [],
      reference: bins.reference,
      origin,
    }));
    await this.#client.insert({
      table: `${this.#database}.bin_specs`,
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `spec:${model}:${spec_id}`, async_insert: 0 },
    });
  }

  async #rows(query: string): Promise<unknown[]> {
    const abort = this.#signal === undefined ? {} : { abort_signal: this.#signal };
    const answer = await this.#client.query({ query, format: 'JSONEachRow', ...abort });
    return answer.json();
  }
}

function binsOf({ feature, kind, edges, coarse, categories, reference }: z.infer<typeof SpecRowSchema>): FeatureBins {
  return kind === 'numeric' ? { kind, feature, edges, coarse, reference } : { kind, feature, categories, reference };
}
