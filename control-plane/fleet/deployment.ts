import type { Deployment } from '../../contract/deployment.js';
import type { DesiredState, DesiredVersion, Placement } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';

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
