import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import type { BinSpec, FeatureBins } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { layoutsOf } from '../log/layouts.js';
import { type RowFilter, rowConditions } from '../log/rows.js';
import { binCounts } from './bin-counts.js';
import { categoriesOf, countsInOrder, FEW_VALUES, fineBins, numericEdges } from './edges.js';
import { type FeatureColumn, featureColumns } from './feature-column.js';

/** A reference of drift, without its bins. */
export interface ReferenceEntry {
  readonly reference_id: number;
  readonly model: string;
  readonly version: number;
  readonly features: number;
  /** Rows that it was made from, and of which version. */
  readonly rows: number;
  readonly of_version?: number | undefined;
  readonly from: string;
  readonly to: string;
  readonly created_at: string;
}

const OriginSchema = z.object({
  from: z.string(),
  to: z.string(),
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

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
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
    const layouts = await layoutsOf(this.#client, this.#database, filter.model);
    const layout = layouts.find(({ version }) => filter.version === undefined || version === filter.version);
    if (layout === undefined) {
      throw new TidegateError(
        'MODEL_NOT_FOUND',
        `version ${filter.version} of model '${filter.model}' has never been logged`,
      );
    }
    const rows = { ...filter, version: layout.version };
    const count = await this.#count(rows);
    const [from, to] = [new Date(filter.from_ms).toISOString(), new Date(filter.to_ms).toISOString()];
    if (count < LEAST_REFERENCE_ROWS) {
      const message = `the window from ${from} to ${to} has ${count} rows of ${filter.model} ${layout.version}: a reference needs ${LEAST_REFERENCE_ROWS}`;
      throw new TidegateError('INVALID_REQUEST', message);
    }
    const columns = featureColumns(layout);
    const shapes = await Promise.all(columns.map((column) => this.#shape(column, rows, fineBins(columns.length))));
    const counted = await binCounts(this.#client, this.#database, columns, shapes, rows);
    const features = shapes.map((bins, i): FeatureBins => ({ ...bins, reference: countsInOrder(bins, counted[i]) }));
    const spec: BinSpec = { spec_id: Date.now() * 1000, model: filter.model, version: 0, features };
    await this.#write(spec, JSON.stringify({ from, to, rows: count, of_version: layout.version }));
    const [entry] = (await this.list(filter.model)).filter(({ reference_id }) => reference_id === spec.spec_id);
    return entry;
  }

  async #count(filter: RowFilter): Promise<number> {
    const [row] = await this.#rows(
      `SELECT count() AS n FROM ${this.#database}.inference_log WHERE ${rowConditions(filter)}`,
    );
    return z.object({ n: z.coerce.number() }).parse(row).n;
  }

  async #shape({ feature, kind, value }: FeatureColumn, filter: RowFilter, bins: number): Promise<FeatureBins> {
    const source = `FROM ${this.#database}.inference_log WHERE ${rowConditions(filter)}`;
    if (kind === 'categorical') {
      const rows = await this.#rows(
        `SELECT ${value} AS category ${source} GROUP BY category ORDER BY count() DESC, category LIMIT 1001`,
      );
      const found = z.array(z.object({ category: z.string() })).parse(rows);
      return { kind, feature, categories: categoriesOf(found.map(({ category }) => category)), reference: [] };
    }
    const levels = Array.from({ length: bins - 1 }, (_, i) => (i + 1) / bins).join(', ');
    const [row] = await this.#rows(
      `SELECT min(x) AS least, max(x) AS greatest, arraySort(groupUniqArray(${FEW_VALUES + 1})(x)) AS found, quantilesTDigest(${levels})(x) AS quantiles
       FROM (SELECT ${value} AS x ${source}) WHERE isFinite(x)`,
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
    const answer = await this.#client.query({ query, format: 'JSONEachRow' });
    return answer.json();
  }
}

function binsOf({ feature, kind, edges, coarse, categories, reference }: z.infer<typeof SpecRowSchema>): FeatureBins {
  return kind === 'numeric' ? { kind, feature, edges, coarse, reference } : { kind, feature, categories, reference };
}
