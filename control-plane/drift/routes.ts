import { Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import type { RowFilter } from '../log/rows.js';
import { moment, parsed } from '../query.js';
import type { ReferenceEntry } from '../reference/references.js';
import { attributionRoutes } from './attribution-routes.js';
import { chosenReference } from './chosen-reference.js';
import { driftReport } from './drift-report.js';
import { exactReport } from './exact-report.js';
import { METHODS } from './multivariate-methods.js';
import { LEAST_SAMPLES } from './statistics/verdict.js';
import { WINDOWS, windowBefore } from './window-before.js';

/** Rows of each side in exact mode. */
const USUAL_ROWS = 20_000;
const MOST_ROWS = 200_000;
const count = z.coerce.number().int().positive();
/** One or more with commas between; `none` as well. */
const MethodsSchema = z
  .string()
  .transform((text) => (text === 'none' ? [] : text.split(',')))
  .pipe(z.array(z.enum(METHODS, `give none, or one or more of ${METHODS.join(',')}`)));
/** Drift of a model, and what explains it: docs/control-plane.md. */
export function driftRoutes(services: Services): Hono {
  const { client, database, now_ms } = services;
  const DriftSchema = z.strictObject({
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
    reference: z.union([z.enum(WINDOWS), count], `give the id of a reference, ${WINDOWS.join(' or ')}`).optional(),
    version: count.optional(),
    variant: z.enum(['champion', 'shadow', 'canary']).optional(),
    node: z.string().optional(),
    segment: z
      .string()
      .regex(/^[^=]+=/, 'give name=value')
      .optional(),
    min_samples: count.default(LEAST_SAMPLES),
    correction: z.enum(['none', 'holm', 'benjaminiHochberg']).default('none'),
    mode: z.enum(['binned', 'exact']).default('binned'),
    multivariate: MethodsSchema.default([]),
    bucket: z.enum(['hour', 'day']).optional(),
    rows: count.max(MOST_ROWS).default(USUAL_ROWS),
  });
  const app = new Hono();
  app.get(
    '/:model/drift',
    described({ summary: 'Show how far a window drifted from a reference', tag: 'Drift', query: DriftSchema }),
    async (context) => {
      const model = context.req.param('model');
      const { from, to, reference, min_samples, bucket, mode, multivariate, rows, ...cuts } = parsed(
        DriftSchema,
        context.req.query(),
      );
      const id = typeof reference === 'number' ? reference : undefined;
      const { spec, window, entry } = await chosenReference(services, model, { from, to, reference: id });
      const against = typeof reference === 'string' ? windowBefore(window, reference) : undefined;
      const request = { model, ...window, ...cuts, against, least_samples: min_samples, bucket };
      if (mode === 'binned' && multivariate.length === 0) {
        return context.json(await driftReport(client, database, spec, request));
      }
      if (mode === 'binned') {
        throw new TidegateError(
          'INVALID_PARAMETER',
          `'multivariate' is '${multivariate.join(',')}', which needs rows: add mode=exact`,
        );
      }
      if (bucket !== undefined) {
        throw new TidegateError('INVALID_PARAMETER', "'bucket' is read from states: leave out mode=exact");
      }
      const reference_rows = against === undefined ? rowsOf(model, entry) : { ...request, ...against };
      const exact = { ...request, reference_rows, rows, methods: multivariate };
      return context.json(await exactReport(client, database, spec, exact));
    },
  );
  return app.route('/', attributionRoutes(services));
}

/** Rows of the log that a reference was made from, whatever cuts the window has. */
function rowsOf(model: string, { reference_id, from, to, of_version }: ReferenceEntry): RowFilter {
  if (from === undefined || to === undefined) {
    const message = `reference ${reference_id} was made from a file, whose rows are not in the log: mode=exact needs one of a window, or ${WINDOWS.map((name) => `reference=${name}`).join(' or ')}`;
    throw new TidegateError('INVALID_PARAMETER', message);
  }
  return { model, from_ms: Date.parse(from), to_ms: Date.parse(to), version: of_version };
}
