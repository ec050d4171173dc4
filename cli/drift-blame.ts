import { z } from 'zod';

const AttributionSchema = z.object({
  by: z.string(),
  attribution: z
    .object({
      total: z.number(),
      contributions: z.array(z.object({ name: z.string(), share: z.number(), rows: z.number() })),
    })
    .optional(),
});
export const AttributionsSchema = z.object({ items: z.array(AttributionSchema) });

/** A group with at least this part of the drift is named. */
const MOSTLY = 0.6;
/** A group whose part of the drift is no more than this many times its part of the rows is only large. */
const REMARKABLE = 1.2;

/** One line on where the drift of a feature comes from: `delay: mostly carrier=AA, on node-2, version 3`. */
export function blameText(feature: string, items: z.infer<typeof AttributionsSchema>['items']): string {
  const named = items.flatMap(({ by, attribution }) => {
    const { contributions = [] } = attribution ?? {};
    const [first] = contributions;
    if (contributions.length < 2 || first.share < MOSTLY) return [];
    const rows = contributions.reduce((sum, each) => sum + each.rows, 0);
    return first.share < (REMARKABLE * first.rows) / rows ? [] : [{ by, name: first.name, share: first.share }];
  });
  if (named.length === 0) return `${feature}: no segment, node, version or variant explains its drift more than others`;
  const parts = named
    .sort((a, b) => b.share - a.share)
    .map(({ by, name, share }) => `${phrase(by, name)} (${(100 * Math.min(1, share)).toFixed(0)} %)`);
  return `${feature}: mostly ${parts.join(', ')}`;
}

function phrase(by: string, name: string): string {
  if (by === 'node') return `on ${name}`;
  return by.startsWith('segment:') ? `${by.slice('segment:'.length)}=${name}` : `${by} ${name}`;
}
