import { Hono } from 'hono';
import { z } from 'zod';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { moment, nonEmpty, parsed } from '../query.js';
import { changePoints, DETECTORS, ERROR_STREAM } from './change-points.js';

const DAY_MS = 86_400_000;
const USUAL_ROWS = 100_000;
const MOST_ROWS = 1_000_000;

/** `GET /v1/models/{m}/drift/changes`: when the values of one stream changed, row by row. */
export function changeRoutes({ client, database, now_ms }: Services): Hono {
  const QuerySchema = z.strictObject({
    feature: z.string().min(1),
    detector: z.enum(DETECTORS).optional(),
    delta: z.coerce.number().positive().max(1).default(0.002),
    threshold: z.coerce.number().min(0).max(1).default(0.5),
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
    version: z.coerce.number().int().positive().optional(),
    variant: z.enum(['champion', 'shadow', 'canary']).optional(),
    node: z.string().optional(),
    segment: z
      .string()
      .regex(/^[^=]+=/, 'give name=value')
      .optional(),
    rows: z.coerce.number().int().min(1).max(MOST_ROWS).default(USUAL_ROWS),
  });
  const app = new Hono();
  app.get(
    '/:model/drift/changes',
    described({ summary: 'Find when the values of a stream changed, row by row', tag: 'Drift', query: QuerySchema }),
    async (context) => {
      const { feature, detector, delta, threshold, from, to, rows, ...cuts } = parsed(QuerySchema, context.req.query());
      const to_ms = to ?? now_ms();
      const filter = { model: context.req.param('model'), ...nonEmpty(from ?? to_ms - DAY_MS, to_ms), ...cuts };
      const usual = feature === ERROR_STREAM ? 'ddm' : 'adwin';
      const question = { filter, feature, detector: detector ?? usual, delta, threshold, rows };
      return context.json(await changePoints(client, database, question));
    },
  );
  return app;
}
