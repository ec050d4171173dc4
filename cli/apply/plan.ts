import type { Deployment } from '../../contract/deployment.js';
import type { DesiredState } from '../../contract/desired-state.js';
import type { Environment } from '../../contract/environment.js';
import type { DeploymentResource, EnvironmentResource, ModelResource, Resource } from '../../contract/resource.js';

/** What the control plane has of a resource now, in the form in which files give it. */
export interface Existing<S> {
  readonly spec: S;
  readonly revision: number;
}

export interface ModelState {
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly aliases: Readonly<Record<string, number>>;
}

export interface CurrentState {
  /** Models of the registry. */
  readonly models: ReadonlyMap<string, Existing<ModelState>>;
  readonly environments: ReadonlyMap<string, Existing<Environment>>;
  /** Models that have any version deployed. */
  readonly deployments: ReadonlyMap<string, Existing<Deployment>>;
}

export type Change =
  | {
      readonly action: 'create' | 'update';
      readonly resource: Resource;
      readonly revision: number;
      readonly lines: readonly string[];
    }
  | { readonly action: 'delete'; readonly name: string; readonly revision: number; readonly lines: readonly string[] };

export interface Plan {
  readonly changes: readonly Change[];
  readonly unchanged: number;
}

/** What has to change so that everything is as the files say. `prune`: deployments that no file names end; without it they are left alone. */
export function planned(resources: readonly Resource[], current: CurrentState, prune: boolean): Plan {
  const changes: Change[] = [];
  // What an environment asks for comes first: it holds for what is deployed next.
  for (const resource of resources)
    if (resource.kind === 'Environment') changes.push(...environmentChange(resource, current));
  // Aliases before what is deployed: whoever reads the registry in between sees a version that is meant.
  for (const resource of resources) if (resource.kind === 'Model') changes.push(...modelChange(resource, current));
  for (const resource of resources)
    if (resource.kind === 'Deployment') changes.push(...deploymentChange(resource, current));
  const unchanged = resources.length - changes.length;
  const named = new Set(resources.flatMap(({ kind, metadata }) => (kind === 'Deployment' ? [metadata.name] : [])));
  if (prune) {
    for (const [name, { revision }] of current.deployments) {
      if (!named.has(name)) changes.push({ action: 'delete', name, revision, lines: ['no file names it'] });
    }
  }
  return { changes, unchanged };
}

function modelChange(resource: ModelResource, { models }: CurrentState): Change[] {
  const { metadata, spec } = resource;
  const existing = models.get(metadata.name);
  const wanted = { description: spec.description, labels: metadata.labels, aliases: spec.aliases };
  if (existing === undefined) return [{ action: 'create', resource, revision: 0, lines: leaves(wanted).map(added) }];
  const { description, labels, aliases } = existing.spec;
  // Aliases that the file does not name belong to somebody else: a rollout, or a person.
  const named = Object.fromEntries(Object.entries(aliases).filter(([alias]) => Object.hasOwn(spec.aliases, alias)));
  const lines = difference({ description, labels, aliases: named }, wanted);
  return lines.length === 0 ? [] : [{ action: 'update', resource, revision: existing.revision, lines }];
}

function environmentChange(resource: EnvironmentResource, { environments }: CurrentState): Change[] {
  const existing = environments.get(resource.metadata.name);
  if (existing === undefined) {
    return [{ action: 'create', resource, revision: 0, lines: leaves(resource.spec).map(added) }];
  }
  const lines = difference(existing.spec, resource.spec);
  return lines.length === 0 ? [] : [{ action: 'update', resource, revision: existing.revision, lines }];
}

function deploymentChange(resource: DeploymentResource, { deployments }: CurrentState): Change[] {
  const existing = deployments.get(resource.metadata.name);
  if (existing === undefined) {
    return [{ action: 'create', resource, revision: 0, lines: leaves(resource.spec).map(added) }];
  }
  const lines = difference(existing.spec, resource.spec);
  return lines.length === 0 ? [] : [{ action: 'update', resource, revision: existing.revision, lines }];
}

/** A desired state as somebody would have asked for it: without what the control plane chose and looked up. */
export function asked({
  placements,
  pinned,
  limits,
}: Pick<DesiredState, 'placements' | 'pinned' | 'limits'>): Deployment {
  return {
    placements: placements.map(({ selector, replicas, versions }) => ({
      selector,
      replicas,
      versions: versions.map(({ version, weight, role, routes }) => ({ version, weight, role, routes })),
    })),
    pinned,
    limits: limits.memory_bytes === undefined ? {} : { memory_bytes: limits.memory_bytes },
  };
}

type Leaf = readonly [path: string, value: string];

/** Every value that is no map or list, by its path. An empty list says the same as none. */
function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value) ?? '']];
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  return entries.flatMap(([key, each]) =>
    leaves(each, isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`),
  );
}

function added([path, value]: Leaf): string {
  return `+ ${path}: ${value}`;
}

function difference(before: unknown, after: unknown): string[] {
  const [old, now] = [new Map(leaves(before)), new Map(leaves(after))];
  const lines: string[] = [];
  for (const [path, value] of old) {
    const other = now.get(path);
    if (other === undefined) lines.push(`- ${path}: ${value}`);
    else if (other !== value) lines.push(`~ ${path}: ${value} → ${other}`);
  }
  for (const [path, value] of now) if (!old.has(path)) lines.push(`+ ${path}: ${value}`);
  return lines;
}
