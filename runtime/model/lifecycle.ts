/**
 * The life of one model's versions, as a pure machine: (state, event) → (state, effects). A generation is one loading of one
 * version, with a handle of its own; a reload makes a second generation of the same version beside the first.
 *
 *   lazy ⇄ loading → ready → draining → unloading → gone
 *     ↑      ↓ fails     ↓ evicted
 *     ↑     gone      evicting
 *     └──────────────────┘
 *
 * What requests see follows from the phases alone (`routes`), so a switch is one step: before it every request goes to the old
 * generation, after it to the new one, and the old one is drained of what it had.
 */
export type Phase = 'lazy' | 'loading' | 'ready' | 'evicting' | 'draining' | 'unloading';

export interface Generation {
  readonly handle: number;
  readonly version: number;
  readonly phase: Phase;
  /** Was in memory once, or is meant to be loaded by its first request: it may be the default. */
  readonly proven: boolean;
  /** A request asked for it while it was on its way out of memory: it comes back at once. */
  readonly demanded: boolean;
}

export interface Lifecycle {
  /** Ascending by handle: of two generations of one version the first is the older one. */
  readonly generations: readonly Generation[];
  /** Versions that should be served. */
  readonly wanted: readonly number[];
}

export type LifecycleEvent =
  /** From now on these versions should be served; others retire as soon as one of these can answer. */
  | { readonly type: 'want'; readonly versions: readonly number[] }
  | { readonly type: 'offer'; readonly handle: number; readonly version: number }
  /** The generation stays out of memory until a request asks for it. */
  | { readonly type: 'defer'; readonly handle: number }
  | { readonly type: 'load'; readonly handle: number }
  | { readonly type: 'loaded'; readonly handle: number }
  | { readonly type: 'load-failed'; readonly handle: number }
  | { readonly type: 'evict'; readonly handle: number }
  | { readonly type: 'evicted'; readonly handle: number }
  | { readonly type: 'drained'; readonly handle: number }
  | { readonly type: 'unloaded'; readonly handle: number };

export interface Effect {
  /** `forget` ends a generation: it is in no one's memory, and what still waits for it is failed. */
  readonly type: 'announce' | 'drain' | 'unload' | 'forget';
  readonly handle: number;
}

export interface Step {
  readonly state: Lifecycle;
  readonly effects: readonly Effect[];
}

export const EMPTY_LIFECYCLE: Lifecycle = { generations: [], wanted: [] };

/** An event that does not fit the phase of its generation changes nothing: late news of something that is over. */
export function step(state: Lifecycle, event: LifecycleEvent): Step {
  return retire(advance(state, event));
}

function advance(state: Lifecycle, event: LifecycleEvent): Step {
  switch (event.type) {
    case 'want':
      return { state: { ...state, wanted: event.versions }, effects: [] };
    case 'offer': {
      if (state.generations.some(({ handle }) => handle >= event.handle)) return { state, effects: [] };
      const generation: Generation = {
        handle: event.handle,
        version: event.version,
        phase: 'lazy',
        proven: false,
        demanded: false,
      };
      const effects: Effect[] = [{ type: 'announce', handle: event.handle }];
      return { state: { ...state, generations: [...state.generations, generation] }, effects };
    }
    case 'defer':
      return change(state, event.handle, 'lazy', { proven: true });
    case 'load': {
      const evicting = state.generations.some(({ handle, phase }) => handle === event.handle && phase === 'evicting');
      if (evicting) return change(state, event.handle, 'evicting', { demanded: true });
      return change(state, event.handle, 'lazy', { phase: 'loading' });
    }
    case 'loaded':
      return change(state, event.handle, 'loading', { phase: 'ready', proven: true });
    case 'load-failed':
      return change(state, event.handle, 'loading', undefined, 'forget');
    case 'evict':
      return change(state, event.handle, 'ready', { phase: 'evicting' }, 'unload');
    case 'evicted': {
      const demanded = state.generations.some(
        (generation) => generation.handle === event.handle && generation.demanded,
      );
      return change(state, event.handle, 'evicting', { phase: demanded ? 'loading' : 'lazy', demanded: false });
    }
    case 'drained':
      return change(state, event.handle, 'draining', { phase: 'unloading' }, 'unload');
    case 'unloaded':
      return change(state, event.handle, 'unloading', undefined, 'forget');
  }
}

/** Changes one generation if it is in phase `from`; `changes` undefined removes it. */
function change(
  state: Lifecycle,
  handle: number,
  from: Phase,
  changes?: Partial<Generation>,
  effect?: Effect['type'],
): Step {
  const index = state.generations.findIndex((generation) => generation.handle === handle);
  const found = state.generations[index];
  if (found === undefined || found.phase !== from) return { state, effects: [] };
  const replacement = changes === undefined ? [] : [{ ...found, ...changes }];
  const generations = state.generations.toSpliced(index, 1, ...replacement);
  return { state: { ...state, generations }, effects: effect === undefined ? [] : [{ type: effect, handle }] };
}

/** Drains what is no longer needed. A generation on its way into or out of memory retires when it has arrived. */
function retire({ state, effects }: Step): Step {
  const more: Effect[] = [];
  const generations: Generation[] = [];
  for (const generation of state.generations) {
    const { handle, phase } = generation;
    const over = (phase === 'lazy' || phase === 'ready') && isOver(state, generation);
    if (over && phase === 'ready') more.push({ type: 'drain', handle });
    if (over && phase === 'lazy') more.push({ type: 'forget', handle });
    if (!over) generations.push(generation);
    else if (phase === 'ready') generations.push({ ...generation, phase: 'draining' });
  }
  return more.length === 0 ? { state, effects } : { state: { ...state, generations }, effects: [...effects, ...more] };
}

function isOver(state: Lifecycle, { handle, version }: Generation): boolean {
  const superseded = state.generations.some(
    (other) => other.version === version && other.handle > handle && other.proven && isServing(other),
  );
  if (superseded) return true;
  if (state.wanted.includes(version)) return false;
  if (state.wanted.length === 0) return true;
  return state.generations.some((other) => other.proven && isServing(other) && state.wanted.includes(other.version));
}

export function isServing({ phase }: Generation): boolean {
  return phase === 'lazy' || phase === 'loading' || phase === 'ready' || phase === 'evicting';
}

/** Whether it takes memory, or is about to. */
export function isResident({ phase }: Generation): boolean {
  return phase !== 'lazy';
}

export interface Routes {
  /** For each version the generation that answers. */
  readonly byVersion: ReadonlyMap<number, Generation>;
  /** For requests that name no version: the highest version that is able to answer, or will be first. */
  readonly byDefault: Generation | undefined;
}

export function routes(state: Lifecycle): Routes {
  const byVersion = new Map<number, Generation>();
  for (const generation of state.generations) {
    if (!isServing(generation)) continue;
    const older = byVersion.get(generation.version);
    // The older generation answers until it retires, unless it never could and the newer one can.
    if (older === undefined || (generation.proven && !older.proven)) byVersion.set(generation.version, generation);
  }
  let byDefault: Generation | undefined;
  for (const generation of byVersion.values()) {
    if (byDefault === undefined || betterDefault(generation, byDefault)) byDefault = generation;
  }
  return { byVersion, byDefault };
}

function betterDefault(a: Generation, b: Generation): boolean {
  return a.proven === b.proven ? a.version > b.version : a.proven;
}
