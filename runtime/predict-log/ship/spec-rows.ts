import { z } from 'zod';
import type { BinSpec, FeatureBins } from '../../../contract/bin-spec.js';

const count = z.coerce.number();

/** A row of `bin_specs`: one feature of a spec. */
export const SpecRowSchema = z.object({
  model: z.string(),
  spec_id: count,
  version: count,
  position: count,
  feature: z.string(),
  kind: z.enum(['numeric', 'categorical']),
  edges: z.array(count),
  coarse: z.array(count),
  categories: z.array(z.string()),
  reference: z.array(count),
});
export type SpecRow = z.infer<typeof SpecRowSchema>;

const numbers = z.array(z.number());
const FeatureSchema: z.ZodType<FeatureBins> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('numeric'), feature: z.string(), reference: numbers, edges: numbers, coarse: numbers }),
  z.object({
    kind: z.literal('categorical'),
    feature: z.string(),
    reference: numbers,
    categories: z.array(z.string()),
  }),
]);
export const SpecsSchema: z.ZodType<BinSpec[]> = z.array(
  z.object({ spec_id: z.number(), model: z.string(), version: z.number(), features: z.array(FeatureSchema) }),
);

/** Specs whose rows are all there: one that is still being inserted is not used yet. */
export function specsOf(rows: readonly SpecRow[]): BinSpec[] {
  const groups = new Map<string, SpecRow[]>();
  for (const row of rows) {
    const key = `${row.spec_id}/${row.model}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].flatMap((group) => {
    const features = group.sort((a, b) => a.position - b.position);
    if (features.some(({ position }, index) => position !== index)) return [];
    const [{ spec_id, model, version }] = features;
    return [{ spec_id, model, version, features: features.map(featureOf) }];
  });
}

function featureOf({ kind, feature, reference, edges, coarse, categories }: SpecRow): FeatureBins {
  return kind === 'numeric' ? { kind, feature, reference, edges, coarse } : { kind, feature, reference, categories };
}
