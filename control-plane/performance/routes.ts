import { Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { moment, nonEmpty, parsed } from '../query.js';
import type { Dimension } from './label-states.js';
import { Performance } from './performance-report.js';

const DAY_MS = 86_400_000;

/** `GET /v1/models/{m}/performance`: docs/labels.md. */
export function performanceRoutes({ client, database, now_ms }: Services): Hono {
  const performance = new Performance(client, database);
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
    threshold: z.coerce.number().min(0).max(1).default(0.5),
    min_samples: z.coerce.number().int().min(0).default(30),
    bucket: z.enum(['hour', 'day']).optional(),
    by: z.string().refine(isGroup, 'give version, variant, node, or segment:<name>').optional(),
  });
  const app = new Hono();
  app.get(
    '/:model/performance',
    described({ summary: 'Measure how right a model was, once labels came', tag: 'Performance', query: QuerySchema }),
    async (context) => {
      const { from, to, threshold, min_samples, bucket, by, ...cuts } = parsed(QuerySchema, context.req.query());
      if (cuts.segment !== undefined && by?.startsWith('segment:')) {
        throw new TidegateError(
          'INVALID_PARAMETER',
          `by=${by} and segment=${cuts.segment}: states know one segment at a time, give one of both`,
        );
      }
      const to_ms = to ?? now_ms();
      const filter = { model: context.req.param('model'), ...nonEmpty(from ?? to_ms - DAY_MS, to_ms), ...cuts };
      return context.json(await performance.report({ filter, threshold, min_samples, bucket, by }));
    },
  );
  return app;
}

function isGroup(text: string): text is Dimension {
  return ['version', 'variant', 'node'].includes(text) || /^segment:[^=]+$/.test(text);
}
