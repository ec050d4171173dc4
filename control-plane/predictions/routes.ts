import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { moment, nonEmpty, parsed } from '../query.js';
import { readCursor } from './cursor.js';
import { type ExportFormat, Predictions } from './predictions.js';

const DAY_MS = 86_400_000;
const MOST_ROWS = 1000;
const BytesSchema = z.instanceof(Uint8Array);
const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** `GET /v1/models/{m}/predictions`: rows of the log, page by page or as a file. */
export function predictionRoutes({ client, database, now_ms }: Services): Hono {
  const predictions = new Predictions(client, database);
  const QuerySchema = z.strictObject({
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
    version: z.coerce.number().int().positive().optional(),
    variant: z.enum(['champion', 'shadow', 'canary']).optional(),
    node: z.string().optional(),
    segment: z
      .string()
      .regex(/^[^=]+=/, 'give name=value')
      .optional(),
    request_id: z.string().optional(),
    entity_key: z.string().optional(),
    outcome: z.string().optional(),
    least_score: z.coerce.number().optional(),
    most_score: z.coerce.number().optional(),
    limit: z.coerce.number().int().min(1).max(MOST_ROWS).default(100),
    cursor: z.string().optional(),
    format: z.enum(['json', 'ndjson', 'csv', 'parquet', 'arrow']).default('json'),
  });
  const app = new Hono();
  app.get(
    '/:model/predictions',
    described({
      summary: 'List logged predictions, page by page or as a file',
      tag: 'Predictions',
      query: QuerySchema,
      answers: {
        200: { description: 'A page, or a file', types: ['application/json', ...Object.values(CONTENT_TYPES)] },
      },
    }),
    async (context) => {
      const { from, to, limit, cursor, format, ...cuts } = parsed(QuerySchema, context.req.query());
      const to_ms = to ?? now_ms();
      const window = nonEmpty(from ?? to_ms - DAY_MS, to_ms);
      const filter = { model: context.req.param('model'), ...window, ...cuts };
      if (format === 'json') {
        return context.json(
          await predictions.page(filter, limit, cursor === undefined ? undefined : readCursor(cursor)),
        );
      }
      const rows = await predictions.export(filter, format);
      context.header('content-type', CONTENT_TYPES[format]);
      return stream(context, async (answer) => {
        answer.onAbort(() => void rows.destroy());
        for await (const chunk of rows) await answer.write(BytesSchema.parse(chunk));
      });
    },
  );
  return app;
}
