import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { layoutsOf } from '../log/layouts.js';
import type { RowFilter } from '../log/rows.js';
import { type FeatureColumn, featureColumns } from './feature-column.js';

/**
 * Where the reference's features stand in the rows of the version that is asked for, or of the newest. Throws INVALID_REQUEST where the model has other
 * features now: to compare those would say nothing.
 */
export async function specColumns(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  { model, version }: RowFilter,
): Promise<FeatureColumn[]> {
  const layouts = await layoutsOf(client, database, model);
  const layout = version === undefined ? layouts[0] : layouts.find((each) => each.version === version);
  if (layout === undefined)
    throw new TidegateError('MODEL_NOT_FOUND', `version ${version} of '${model}' was never logged`);
  const present = featureColumns(layout);
  return spec.features.map(({ feature, kind }) => {
    const found = present.find((column) => column.feature === feature);
    if (found?.kind === kind) return found;
    const now = found === undefined ? 'does not have it' : `has it as ${found.kind}`;
    const message = `the reference has the feature '${feature}' as ${kind}, version ${layout.version} of ${model} ${now}: make a reference of this version`;
    throw new TidegateError('INVALID_REQUEST', message);
  });
}
