import { Hono } from 'hono';
import { z } from 'zod';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import type { Services } from '../app.js';
import type { RowFilter } from '../log/rows.js';
import { moment, nonEmpty, parsed } from '../query.js';
import { type ReferenceEntry, References } from '../reference/references.js';
import { attributionReport, everyAttribution } from './attribution-report.js';
import { driftReport } from './drift-report.js';
import { exactReport } from './exact-report.js';
import { METHODS } from './multivariate-methods.js';
import { LEAST_SAMPLES } from './statistics/verdict.js';
import { type Span, WINDOWS, windowBefore } from './window-before.js';

const DAY_MS = 86_400_000;
/** Rows of each side in exact mode. */
const USUAL_ROWS = 20_000;
const MOST_ROWS = 200_000;
const count = z.coerce.number().int().positive();
/** One or more with commas between; `none` as well. */
const MethodsSchema = z
  .string()
  .transform((text) => (text === 'none' ? [] : text.split(',')))
  .pipe(z.array(z.enum(METHODS, `give none, or one or more of ${METHODS.join(',')}`)));
const CutSchema = z.union([
  z.enum(['node', 'version', 'variant', 'source']),
  z.templateLiteral(['segment:', z.string()]),
]);

interface Asked {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly reference?: number | undefined;
}

/** Drift of a model, and what explains it: docs/control-plane.md. */
export function driftRoutes(services: Services): Hono {
  const { client, database, now_ms } = services;
  const when = () => moment(now_ms).optional();
  const asked = { from: when(), to: when(), reference: count.optional() };
  const DriftSchema = z.strictObject({
    ...asked,
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
  const AttributionSchema = z.strictObject({
    ...asked,
    feature: z.string(),
    by: z
      .string()
      .regex(
        /^(node|version|variant|source|every|segment:.+)$/,
        'give node, version, variant, source or segment:name; or every',
      ),
  });
  const app = new Hono();
  app.get('/:model/drift', async (context) => {
    const model = context.req.param('model');
    const { from, to, reference, min_samples, bucket, mode, multivariate, rows, ...cuts } = parsed(
      DriftSchema,
      context.req.query(),
    );
    const id = typeof reference === 'number' ? reference : undefined;
    const { spec, window, entry } = await chosen(services, model, { from, to, reference: id });
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
  });
  app.get('/:model/drift/attribution', async (context) => {
    const model = context.req.param('model');
    const { feature, by, ...rest } = parsed(AttributionSchema, context.req.query());
    const { spec, window } = await chosen(services, model, rest);
    const filter = { model, ...window };
    if (by === 'every') {
      return context.json({ items: await everyAttribution(client, database, spec, filter, feature) });
    }
    const explained = { feature, by: CutSchema.parse(by) };
    return context.json(await attributionReport(client, database, spec, filter, explained));
  });
  return app;
}

/** Rows of the log that a reference was made from, whatever cuts the window has. */
function rowsOf(model: string, { reference_id, from, to, of_version }: ReferenceEntry): RowFilter {
  if (from === undefined || to === undefined) {
    const message = `reference ${reference_id} was made from a file, whose rows are not in the log: mode=exact needs one of a window, or ${WINDOWS.map((name) => `reference=${name}`).join(' or ')}`;
    throw new TidegateError('INVALID_PARAMETER', message);
  }
  return { model, from_ms: Date.parse(from), to_ms: Date.parse(to), version: of_version };
}

/** The reference that is asked for, or the newest; a window that begins behind the newest one's own, unless another is asked for. */
async function chosen(
  { client, database, now_ms }: Services,
  model: string,
  { from, to, reference }: Asked,
): Promise<{ readonly spec: BinSpec; readonly window: Span; readonly entry: ReferenceEntry }> {
  const references = new References(client, database);
  const all = await references.list(model);
  const [newest] = all;
  if (newest === undefined) {
    throw new TidegateError(
      'NOT_FOUND',
      `model '${model}' has no reference yet: POST /v1/models/${model}/references makes one of a window`,
    );
  }
  const entry = all.find(({ reference_id }) => reference_id === (reference ?? newest.reference_id));
  if (entry === undefined) {
    throw new TidegateError('NOT_FOUND', `model '${model}' has no reference ${reference}: GET …/references lists them`);
  }
  const end = to ?? now_ms();
  const begin = from ?? Math.max(end - DAY_MS, newest.to === undefined ? 0 : Date.parse(newest.to));
  return { spec: await references.read(model, entry.reference_id), window: nonEmpty(begin, end), entry };
}
