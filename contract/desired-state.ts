import { z } from 'zod';

/** Names of models, nodes, views and rollouts in the control plane. */
export const NameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'give small letters, digits, dots, dashes and underscores, 63 at most');

export const DigestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'give sha256: and 64 hexadecimal digits');

export const ROLES = ['champion', 'canary', 'shadow'] as const;
export type Role = (typeof ROLES)[number];

const epoch = z.int().nonnegative();

/** One version as a node should have it. The digest says which bytes: a node never loads what does not have it. */
export const DesiredVersionSchema = z.looseObject({
  version: z.int().positive(),
  digest: DigestSchema,
  weight: z.number().nonnegative().describe('share of requests without a version, among the weights of its siblings'),
  role: z.enum(ROLES),
  routes: z.array(NameSchema).default([]).describe('names that force this version by tidegate-route'),
  memory_bytes: z.int().nonnegative().optional().describe('what it is expected to need, for placement'),
});
export type DesiredVersion = z.infer<typeof DesiredVersionSchema>;

const LabelValues = z.union([z.string(), z.array(z.string()).min(1)]);

/** Every label must match; an array means any of these values. No labels: every node. */
export const SelectorSchema = z.looseObject({ labels: z.record(z.string(), LabelValues).default({}) });
export type Selector = z.infer<typeof SelectorSchema>;

const versions = z
  .array(DesiredVersionSchema)
  .refine(
    (list) => new Set(list.map(({ version }) => version)).size === list.length,
    'a version is named twice: give it one weight and one role',
  )
  .refine(
    (list) => list.length === 0 || list.some(({ role, weight }) => role === 'champion' && weight > 0),
    'no champion has a weight above 0: requests without a version would have nowhere to go',
  );

export const PlacementSchema = z.looseObject({
  selector: SelectorSchema.prefault({}),
  replicas: z.union([z.literal('all'), z.int().positive()]).default('all'),
  /** The nodes that the control plane chose, where `replicas` is a number. */
  assigned: z.array(NameSchema).default([]),
  /** Nodes that match and must not have it: they are drained, or it does not fit them. */
  excluded: z.array(NameSchema).default([]),
  versions,
});
export type Placement = z.infer<typeof PlacementSchema>;

/** KV `tg_desired`, key `<env>.<model>`. The control plane writes it, nodes read it. A larger epoch always wins. */
export const DesiredStateSchema = z.looseObject({
  v: z.literal(1),
  epoch,
  /** Of the lease under which it was written: a leader whose term is smaller may not overwrite it. */
  term: z.int().nonnegative().default(0),
  placements: z.array(PlacementSchema),
  pinned: z.boolean().default(false),
  limits: z.looseObject({ memory_bytes: z.int().positive().optional() }).default({}),
});
export type DesiredState = z.infer<typeof DesiredStateSchema>;

export const NODE_MODES = ['active', 'cordoned', 'maintenance', 'draining'] as const;
export type NodeMode = (typeof NODE_MODES)[number];

/** What an operator wants of one node: cordoned takes no new model, maintenance is not judged, draining gives its models up. */
export const NodeIntentSchema = z.looseObject({ v: z.literal(1), epoch, mode: z.enum(NODE_MODES) });
export type NodeIntent = z.infer<typeof NodeIntentSchema>;

export type Labels = Readonly<Record<string, string>>;

export function matches({ labels }: Selector, node: Labels): boolean {
  return Object.entries(labels).every(([name, wanted]) =>
    Array.isArray(wanted) ? wanted.includes(node[name] ?? '') : node[name] === wanted,
  );
}

/** The placement that counts for a node: the first that matches it. None, or one that chose other nodes, means no version. */
export function placementFor(
  { placements }: Pick<DesiredState, 'placements'>,
  node: { readonly name: string; readonly labels: Labels },
): Placement | undefined {
  const first = placements.find(({ selector }) => matches(selector, node.labels));
  if (first === undefined || first.excluded.includes(node.name)) return undefined;
  if (first.replicas === 'all') return first;
  return first.assigned.includes(node.name) ? first : undefined;
}

export function versionsFor(
  state: Pick<DesiredState, 'placements'>,
  node: { readonly name: string; readonly labels: Labels },
): readonly DesiredVersion[] {
  return placementFor(state, node)?.versions ?? [];
}
