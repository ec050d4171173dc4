import { Hono } from 'hono';
import { z } from 'zod';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { moment, nonEmpty, parsed } from '../query.js';
import { comparisonReport } from './comparison-report.js';

const DAY_MS = 86_400_000;
const version = z.coerce.number().int().positive();

/** `GET /v1/models/{m}/comparison`: docs/labels.md. */
export function comparisonRoutes({ client, database, now_ms }: Services): Hono {
  const QuerySchema = z.strictObject({
    champion: version,
    challenger: version,
    metric: z.string().optional(),
    margin: z.coerce.number().min(0).default(0),
    alpha: z.coerce.number().gt(0).lt(1).default(0.05),
    min_samples: z.coerce.number().int().min(2).default(100),
    threshold: z.coerce.number().min(0).max(1).default(0.5),
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
    segment: z
      .string()
      .regex(/^[^=]+=/, 'give name=value')
      .optional(),
    rows: z.coerce.number().int().min(2).max(1_000_000).default(200_000),
  });
  const app = new Hono();
  app.get(
    '/:model/comparison',
    described({
      summary: 'Compare two versions on the requests that both answered',
      tag: 'Performance',
      query: QuerySchema,
    }),
    async (context) => {
      const { from, to, ...asked } = parsed(QuerySchema, context.req.query());
      const to_ms = to ?? now_ms();
      const window = nonEmpty(from ?? to_ms - 7 * DAY_MS, to_ms);
      return context.json(
        await comparisonReport(client, database, { model: context.req.param('model'), ...window, ...asked }),
      );
    },
  );
  return app;
}
