import { Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import type { Services } from '../app.js';
import { moment, nonEmpty, parsed } from '../query.js';
import { References } from '../reference/references.js';
import { driftReport } from './drift-report.js';
import { LEAST_SAMPLES } from './statistics/verdict.js';

const DAY_MS = 86_400_000;

/** References and drift of a model: docs/control-plane.md. */
export function driftRoutes({ client, database, now_ms }: Services): Hono {
  const references = new References(client, database);
  const app = new Hono();
  const when = () => moment(now_ms);
  const FreezeSchema = z.strictObject({
    window: z.strictObject({ from: when(), to: when() }),
    version: z.int().positive().optional(),
  });
  const DriftSchema = z.strictObject({
    from: when().optional(),
    to: when().optional(),
    reference: z.coerce.number().int().positive().optional(),
    version: z.coerce.number().int().positive().optional(),
    variant: z.enum(['champion', 'shadow', 'canary']).optional(),
    node: z.string().optional(),
    segment: z
      .string()
      .regex(/^[^=]+=/, 'give name=value')
      .optional(),
    min_samples: z.coerce.number().int().positive().default(LEAST_SAMPLES),
    correction: z.enum(['none', 'holm', 'benjaminiHochberg']).default('none'),
  });

  app.get('/:model/references', async (context) => {
    parsed(z.strictObject({}), context.req.query());
    return context.json({ items: await references.list(context.req.param('model')) });
  });
  app.post('/:model/references', async (context) => {
    const body = parsed(FreezeSchema, bodyObject(await context.req.text()));
    const filter = { model: context.req.param('model'), ...nonEmpty(body.window.from, body.window.to) };
    return context.json(await references.freeze({ ...filter, version: body.version }), 201);
  });
  app.get('/:model/references/:id', async (context) => {
    const id = Number(context.req.param('id'));
    if (!Number.isSafeInteger(id))
      throw new TidegateError('INVALID_PARAMETER', `'${context.req.param('id')}' is no id of a reference`);
    return context.json(await references.read(context.req.param('model'), id));
  });
  app.get('/:model/drift', async (context) => {
    const model = context.req.param('model');
    const { from, to, reference, min_samples, ...cuts } = parsed(DriftSchema, context.req.query());
    const [newest] = await references.list(model);
    const id = reference ?? newest?.reference_id;
    if (id === undefined) {
      throw new TidegateError(
        'NOT_FOUND',
        `model '${model}' has no reference yet: POST /v1/models/${model}/references makes one of a window`,
      );
    }
    const spec = await references.read(model, id);
    const end = to ?? now_ms();
    // Rows of the reference itself would hide what came behind it.
    const begin = from ?? Math.max(end - DAY_MS, newest === undefined ? 0 : Date.parse(newest.to));
    const request = { model, ...nonEmpty(begin, end), ...cuts, least_samples: min_samples };
    return context.json(await driftReport(client, database, spec, request));
  });
  return app;
}

function bodyObject(text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw new TidegateError('INVALID_JSON', 'the body must be a JSON object', { cause });
  }
}
