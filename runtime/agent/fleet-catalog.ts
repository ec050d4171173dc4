import { TidegateError } from '../../contract/error.js';
import { route } from '../../contract/routing.js';
import { modelNotFound } from '../model/served-model.js';
import type { IndexEntry, ModelCatalog, ServedVersion, VersionState } from '../model/served-version.js';
import type { HostEngine, Serving } from './host-engine.js';
import type { NodeAgent } from './node-agent.js';

/** What the faces and admission ask of the models of a node that belongs to a fleet: answered by the weights that are desired. */
export class FleetCatalog implements ModelCatalog {
  readonly #engine: HostEngine;
  readonly #agent: NodeAgent;
  readonly #draw: () => number;

  /** `draw`: numbers in [0, 1), for requests that may go to several versions. */
  constructor(engine: HostEngine, agent: NodeAgent, draw: () => number = Math.random) {
    this.#engine = engine;
    this.#agent = agent;
    this.#draw = draw;
  }

  /** Whether requests for this name are the fleet's business on this node. */
  has(model: string): boolean {
    return this.#engine.serving(model) !== undefined;
  }

  /** `version`: a number, the name of a route, or '' for whichever the weights give; `key`: the same one goes to the same version. */
  resolve(model: string, version: string, key = ''): ServedVersion {
    const serving = this.#serving(model);
    const number = /^\d+$/.test(version) ? Number(version) : undefined;
    const name = version === '' || number !== undefined ? undefined : version;
    const wish = { version: number, route: name, key: key === '' ? undefined : key, draw: this.#draw() };
    const choice = route(serving.routes, wish);
    const served = choice.kind === 'chosen' ? serving.byVersion.get(choice.version) : undefined;
    if (served !== undefined) return served;
    const what = choice.kind === 'unknown-route' ? `has no route '${version}'` : `version ${version} is not found`;
    throw new TidegateError('MODEL_NOT_FOUND', `Request for unknown model: '${model}' ${what}`);
  }

  /** Without a version the heaviest one: a description must not change from call to call. */
  describe(model: string, version: string): ServedVersion {
    if (version !== '') return this.resolve(model, version);
    const { routes, byVersion } = this.#serving(model);
    const [heaviest] = routes.weighed.toSorted((a, b) => b.weight - a.weight);
    return byVersion.get(heaviest?.version ?? 0) ?? this.resolve(model, version);
  }

  roleOf(model: string, version: string): string {
    const number = Number(version);
    return this.#engine.serving(model)?.routes.entries.find((entry) => entry.version === number)?.role ?? '';
  }

  versions(model: string): readonly number[] {
    return [...this.#serving(model).byVersion.keys()].sort((a, b) => a - b);
  }

  ready(model: string, version: string): boolean {
    const serving = this.#engine.serving(model);
    if (serving === undefined) return false;
    if (version === '') return true;
    return /^\d+$/.test(version)
      ? serving.byVersion.has(Number(version))
      : serving.routes.entries.some(({ routes }) => routes.includes(version));
  }

  models(): readonly string[] {
    return this.#engine.models;
  }

  index(): readonly IndexEntry[] {
    return this.#agent.observed().flatMap(([name, { versions, serving }]) =>
      versions.map(({ version, state, reason }) => ({
        name,
        version: String(version),
        state: SHOWN[state] ?? (serving.includes(version) ? 'READY' : 'UNAVAILABLE'),
        reason: reason ?? (state === 'ready' && !serving.includes(version) ? 'in memory, for the way back' : ''),
      })),
    );
  }

  async load(model: string): Promise<void> {
    throw decidedElsewhere(model);
  }

  async unload(model: string): Promise<void> {
    throw decidedElsewhere(model);
  }

  get settled(): boolean {
    return this.#agent
      .observed()
      .every(([, { versions }]) => versions.every(({ state }) => state === 'ready' || state === 'failed'));
  }

  memory(): { readonly used_bytes: number; readonly budget_bytes: number } {
    const { used_bytes, budget_bytes } = this.#engine;
    return { used_bytes, budget_bytes };
  }

  #serving(model: string): Serving {
    const serving = this.#engine.serving(model);
    if (serving === undefined) throw modelNotFound(model);
    return serving;
  }
}

const SHOWN: Readonly<Record<string, VersionState>> = {
  fetching: 'LOADING',
  verifying: 'LOADING',
  loading: 'LOADING',
  warming: 'LOADING',
  draining: 'UNLOADING',
};

function decidedElsewhere(model: string): TidegateError {
  return new TidegateError(
    'UNSUPPORTED',
    `what this node serves of model '${model}' is decided by its fleet: change the desired state at the control plane`,
  );
}
