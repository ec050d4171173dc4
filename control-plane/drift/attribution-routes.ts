import { Hono } from 'hono';
import { z } from 'zod';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { moment, parsed } from '../query.js';
import { attributionReport, everyAttribution } from './attribution-report.js';
import { chosenReference } from './chosen-reference.js';

const CutSchema = z.union([
  z.enum(['node', 'version', 'variant', 'source']),
  z.templateLiteral(['segment:', z.string()]),
]);

/** `GET /v1/models/{m}/drift/attribution`: what explains the drift of a feature. */
export function attributionRoutes(services: Services): Hono {
  const { client, database, now_ms } = services;
  const AttributionSchema = z.strictObject({
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
    reference: z.coerce.number().int().positive().optional(),
    feature: z.string(),
    by: z
      .string()
      .regex(
        /^(node|version|variant|source|every|segment:.+)$/,
        'give node, version, variant, source or segment:name; or every',
      ),
  });
  const app = new Hono();
  app.get(
    '/:model/drift/attribution',
    described({
      summary: 'Say which part of the traffic explains the drift of a feature',
      tag: 'Drift',
      query: AttributionSchema,
    }),
    async (context) => {
      const model = context.req.param('model');
      const { feature, by, ...rest } = parsed(AttributionSchema, context.req.query());
      const { spec, window } = await chosenReference(services, model, rest);
      const filter = { model, ...window };
      if (by === 'every') {
        return context.json({ items: await everyAttribution(client, database, spec, filter, feature) });
      }
      const explained = { feature, by: CutSchema.parse(by) };
      return context.json(await attributionReport(client, database, spec, filter, explained));
    },
  );
  return app;
}
