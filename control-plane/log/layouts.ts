import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import { TASKS } from '../../contract/prediction-record.js';

const FeatureSchema = z.object({
  name: z.string(),
  kind: z.enum(['numeric', 'categorical']),
  privacy: z.enum(['plain', 'hashed', 'redacted']),
});
const LayoutSchema = z.object({
  features: z.array(FeatureSchema),
  classes: z.array(z.string()),
  score: z.enum(['probability', 'value', 'none']),
  // Layouts of before there were labels do not say.
  task: z.enum(TASKS).default('none'),
  positive_class: z.string().default(''),
  inputs: z.enum(['kept', 'digest']),
});
const RowSchema = z.object({ version: z.number(), layout: z.string() });

/** How the rows of one version lie in the log, as far as a reader needs it. */
export interface ReadLayout extends z.infer<typeof LayoutSchema> {
  readonly version: number;
}

/** The newest layout of each version of a model, newest version first. Throws MODEL_NOT_FOUND for one that was never logged. */
export async function layoutsOf(client: ClickHouseClient, database: string, model: string): Promise<ReadLayout[]> {
  const answer = await client.query({
    query: `SELECT version, argMax(layout, created_at) AS layout FROM ${database}.feature_layouts WHERE model = {model:String} GROUP BY version ORDER BY version DESC`,
    query_params: { model },
    format: 'JSONEachRow',
  });
  const rows = z.array(RowSchema).parse(await answer.json());
  if (rows.length === 0) {
    throw new TidegateError(
      'MODEL_NOT_FOUND',
      `nothing of a model '${model}' has been logged: is its name right, and prediction_log on?`,
    );
  }
  return rows.map(({ version, layout }) => ({ version, ...LayoutSchema.parse(JSON.parse(layout)) }));
}
