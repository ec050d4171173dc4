import { z } from 'zod';
import {
  type DesiredState,
  type DesiredVersion,
  NameSchema,
  type Placement,
  ROLES,
  SelectorSchema,
} from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';

/** One version as people ask for it: what its bytes are is the registry's business. */
const WantedVersionSchema = z.strictObject({
  version: z.int().positive(),
  weight: z.number().nonnegative().default(100).describe('share of requests, among the weights of its siblings'),
  role: z.enum(ROLES).default('champion'),
  routes: z.array(NameSchema).default([]).describe('names that force this version by the header tidegate-route'),
});

const WantedPlacementSchema = z.strictObject({
  selector: SelectorSchema.prefault({}).describe('labels that a node must have; none: every node'),
  replicas: z.union([z.literal('all'), z.int().positive()]).default('all'),
  versions: z.array(WantedVersionSchema),
});

/** Body of PUT /v1/deployments/{model}, and the spec of a file of kind Deployment. */
export const DeploymentSchema = z.strictObject({
  placements: z.array(WantedPlacementSchema).min(1),
  pinned: z.boolean().default(false).describe('its memory is not given to other models'),
  limits: z.strictObject({ memory_bytes: z.int().positive().optional() }).default({}),
});
export type Deployment = z.infer<typeof DeploymentSchema>;

/** What the registry knows of a version that may be deployed. */
export interface RegisteredVersion {
  readonly digest: string;
  readonly memory_bytes: number;
}

/** Where versions are looked up. */
export interface Registered {
  /** undefined: there is no such version of this model. */
  find(model: string, version: number): Promise<RegisteredVersion | undefined>;
}

/** What is asked for, with the bytes that it means. Throws NOT_FOUND that names the version, INVALID_CONFIG for what cannot serve. */
export async function resolved(
  model: string,
  wanted: Deployment,
  registered: Registered,
): Promise<Pick<DesiredState, 'placements' | 'pinned' | 'limits'>> {
  const known = new Map<number, RegisteredVersion>();
  for (const { version } of wanted.placements.flatMap(({ versions }) => versions)) {
    if (known.has(version)) continue;
    const found = await registered.find(model, version);
    if (found === undefined) {
      throw new TidegateError(
        'NOT_FOUND',
        `model '${model}' has no version ${version}: push it first (tidegate push), or see tidegate versions ${model}`,
      );
    }
    known.set(version, found);
  }
  const placements = wanted.placements.map(({ selector, replicas, versions }): Placement => {
    const full = versions.map((version): DesiredVersion => {
      const { digest, memory_bytes } = known.get(version.version) ?? { digest: '', memory_bytes: 0 };
      return { ...version, digest, memory_bytes };
    });
    return { selector, replicas, assigned: [], excluded: [], versions: full };
  });
  return { placements, pinned: wanted.pinned, limits: wanted.limits };
}

/** Versions and weights of a state, whatever nodes were chosen for them: what people mean by "what is deployed". */
export function essence({ placements }: Pick<DesiredState, 'placements'>): string {
  return JSON.stringify(
    placements.map(({ selector, versions }) => ({
      selector,
      versions: versions.map(({ version, digest, weight, role, routes }) => ({
        version,
        digest,
        weight,
        role,
        routes,
      })),
    })),
  );
}

/** The last state before the newest one that deployed something else; undefined: there is none. */
export function stateBefore<S extends { readonly state: DesiredState }>(history: readonly S[]): S | undefined {
  const now = history.at(-1);
  if (now === undefined) return undefined;
  return history.findLast(
    ({ state }) =>
      essence(state) !== essence(now.state) && state.placements.some(({ versions }) => versions.length > 0),
  );
}
