import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import type { Services } from '../app.js';
import { nonEmpty } from '../query.js';
import { type ReferenceEntry, References } from '../reference/references.js';
import type { Span } from './window-before.js';

const DAY_MS = 86_400_000;

export interface Asked {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly reference?: number | undefined;
}

/** The reference that is asked for, or the newest; a window that begins behind the newest one's own, unless another is asked for. */
export async function chosenReference(
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
