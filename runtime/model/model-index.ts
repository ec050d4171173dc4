import type { ServedModel } from './served-model.js';
import type { IndexEntry, VersionState } from './served-version.js';

/** What the repository index says of one model: every version that should be served, is served still, or could not be. */
export function modelIndex(model: ServedModel, refusal: (handle: number) => Error | undefined): IndexEntry[] {
  const numbers = new Set([
    ...model.wanted,
    ...model.failures.keys(),
    ...model.generations.map((generation) => generation.version),
  ]);
  if (numbers.size === 0 && model.unloaded) return unloadedEntries(model);
  return [...numbers]
    .sort((a, b) => a - b)
    .map((version) => ({
      name: model.name,
      version: version === 0 ? '' : String(version),
      ...stateOf(model, version, refusal),
    }));
}

function stateOf(
  model: ServedModel,
  version: number,
  refusal: (handle: number) => Error | undefined,
): { state: VersionState; reason: string } {
  const slot = model.table.get(String(version));
  const generation = slot === undefined ? undefined : model.generation(slot.served.handle);
  if (generation === undefined) {
    const failure = model.failures.get(version);
    if (failure !== undefined) return { state: 'UNAVAILABLE', reason: failure.error.message };
    const leaving = model.generations.some((candidate) => candidate.version === version);
    return leaving ? { state: 'UNLOADING', reason: '' } : { state: 'UNAVAILABLE', reason: 'not loaded yet' };
  }
  if (!generation.proven) return { state: 'LOADING', reason: '' };
  const refused = refusal(generation.handle);
  if (refused !== undefined) return { state: 'UNAVAILABLE', reason: refused.message };
  const asleep = generation.phase === 'lazy' || generation.phase === 'evicting';
  return { state: 'READY', reason: asleep ? 'not in memory: loads with its next request' : '' };
}

function unloadedEntries({ name, found, override }: ServedModel): IndexEntry[] {
  const versions = [...((override?.found ?? found)?.versions.keys() ?? [])];
  const newest = versions.length === 0 ? '' : String(Math.max(...versions));
  return [{ name, version: newest, state: 'UNAVAILABLE', reason: 'unloaded' }];
}
