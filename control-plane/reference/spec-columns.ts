import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';
import { type RowFilter, stateConditions } from '../log/rows.js';
import { type FeatureColumn, featureColumns } from './feature-column.js';

/** Where the features of a reference stand in the rows of each version, in the order of the reference. */
export type VersionColumns = ReadonlyMap<number, readonly FeatureColumn[]>;

/** Rows in which the features stand at the same places. */
export interface ColumnGroup {
  /** undefined: all of the filter. */
  readonly version: number | undefined;
  readonly columns: readonly FeatureColumn[];
}

const HOUR_MS = 3_600_000;
const VersionsSchema = z.array(z.object({ version: z.number() }));

/**
 * Of the version that is asked for, else of every version that answered in the window. Throws INVALID_REQUEST where one of them has other features
 * than the reference: to compare those would say nothing.
 */
export async function specColumns(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
): Promise<VersionColumns> {
  const layouts = await layoutsOf(client, database, filter.model);
  const answered = filter.version === undefined ? await versionsIn(client, database, filter) : [filter.version];
  // Where nobody answered there is nothing to compare, and the newest version says whether there could be.
  const wanted = answered.length === 0 ? [layouts[0].version] : answered;
  return new Map(
    wanted.map((version) => {
      const layout = layouts.find((each) => each.version === version);
      if (layout === undefined)
        throw new TidegateError('MODEL_NOT_FOUND', `version ${version} of '${filter.model}' was never logged`);
      return [version, columnsIn(layout, spec, answered.length > 1)];
    }),
  );
}

function columnsIn(layout: ReadLayout, spec: BinSpec, isOneOfMany: boolean): readonly FeatureColumn[] {
  const present = featureColumns(layout);
  return spec.features.map(({ feature, kind }) => {
    const found = present.find((column) => column.feature === feature);
    if (found?.kind === kind) return found;
    const now = found === undefined ? 'does not have it' : `has it as ${found.kind}`;
    const remedy = isOneOfMany
      ? 'look at one version with version=, or make a reference of this one'
      : 'make a reference of this version';
    const message = `the reference has the feature '${feature}' as ${kind}, version ${layout.version} of ${spec.model} ${now}: ${remedy}`;
    throw new TidegateError('INVALID_REQUEST', message);
  });
}

/** From states, which are few: the hours that the window touches. */
async function versionsIn(client: ClickHouseClient, database: string, filter: RowFilter): Promise<number[]> {
  const hours = {
    from_ms: Math.floor(filter.from_ms / HOUR_MS) * HOUR_MS,
    to_ms: Math.ceil(filter.to_ms / HOUR_MS) * HOUR_MS,
  };
  const answer = await client.query({
    query: `SELECT DISTINCT version FROM ${database}.score_hist WHERE ${stateConditions({ ...filter, ...hours })} ORDER BY version`,
    format: 'JSONEachRow',
  });
  return VersionsSchema.parse(await answer.json()).map(({ version }) => version);
}

/** Versions whose values stand at the same places are read at once. */
export function columnGroups(versions: VersionColumns, { version }: RowFilter): readonly ColumnGroup[] {
  const wanted = [...versions].flatMap(([one, columns]) =>
    version === undefined || one === version ? [{ version: one, columns }] : [],
  );
  const places = new Set(wanted.map(({ columns }) => JSON.stringify(columns)));
  return places.size === 1 ? [{ version, columns: wanted[0].columns }] : wanted;
}
