import { TidegateError } from '../../contract/error.js';
import type { Manifest } from '../../contract/manifest.js';
import {
  type Effect,
  EMPTY_LIFECYCLE,
  type Generation,
  isServing,
  type Lifecycle,
  type LifecycleEvent,
  routes,
  step,
} from './lifecycle.js';
import type { FoundModel } from './scan.js';
import type { ServedVersion } from './served-version.js';

/** One generation as the request path sees it. */
export interface Slot {
  readonly served: ServedVersion;
  /** What it was made from; equal to what is wanted now as long as nothing changed. */
  readonly key: string;
  /** Out of memory, or on its way out: the next request must ask for it. */
  dormant: boolean;
  touched: number;
  /** The load in flight. */
  loading: Promise<void> | undefined;
  /** Ends the load in flight. */
  abort: AbortController;
}

export interface Failure {
  readonly key: string;
  readonly error: TidegateError;
  /** `performance.now()` after which it is tried again without any change; Infinity: never, 0: it is being tried. */
  readonly retry_at: number;
  /** How often the same files failed so far. */
  readonly attempts: number;
}

/** What a model was loaded with instead of its own files. */
export interface ModelOverride {
  readonly manifest: Manifest;
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** Where the files of the override lie; undefined: the versions are those of the folder. */
  readonly found: FoundModel | undefined;
}

/** Runs the effects of the machine. */
export interface EffectRunner {
  run(effect: Effect, slot: Slot, model: ServedModel): void;
}

/** One model: its generations, which of them answers what, and what went wrong. */
export class ServedModel {
  readonly name: string;
  readonly #runner: EffectRunner;
  #state: Lifecycle = EMPTY_LIFECYCLE;
  readonly #slots = new Map<number, Slot>();
  /** By version number, label, and '' for the default: all that a request looks up. */
  #table: ReadonlyMap<string, Slot> = new Map();
  /** Why versions could not be loaded. */
  readonly failures = new Map<number, Failure>();
  found: FoundModel | undefined;
  override: ModelOverride | undefined;
  /** The manifest that was read last without an error. */
  manifest: Manifest | undefined;
  unloaded = false;
  /** Part of every key: a load by request makes everything new. */
  epoch = 0;
  /** The end of the chain of changes to this model: they happen one after the other. */
  tail: Promise<void> = Promise.resolve();
  /** How many of them wait or run. */
  turns = 0;

  constructor(name: string, runner: EffectRunner) {
    this.name = name;
    this.#runner = runner;
  }

  get table(): ReadonlyMap<string, Slot> {
    return this.#table;
  }

  get generations(): readonly Generation[] {
    return this.#state.generations;
  }

  get wanted(): readonly number[] {
    return this.#state.wanted;
  }

  get empty(): boolean {
    return this.#slots.size === 0;
  }

  /** When it was used last: a successor inherits it. */
  get touched(): number {
    return Math.max(0, ...[...this.#slots.values()].map((slot) => slot.touched));
  }

  slot(handle: number): Slot | undefined {
    return this.#slots.get(handle);
  }

  generation(handle: number): Generation | undefined {
    return this.#state.generations.find((generation) => generation.handle === handle);
  }

  /** The newest generation of a version that serves or is about to. */
  newest(version: number): Slot | undefined {
    const generation = this.#state.generations.findLast(
      (candidate) => candidate.version === version && isServing(candidate),
    );
    return generation === undefined ? undefined : this.#slots.get(generation.handle);
  }

  /** Whether another generation answers while this one loads: then it has to load before anything is switched. */
  hasStandIn(handle: number): boolean {
    return this.#state.generations.some(
      (generation) => generation.handle !== handle && generation.proven && isServing(generation),
    );
  }

  /** Whether a failed load should be tried again now; it counts as tried then. */
  retryDue(): boolean {
    const now = performance.now();
    const due = [...this.failures].filter(([, { retry_at }]) => retry_at !== 0 && retry_at <= now);
    for (const [version, failure] of due) this.failures.set(version, { ...failure, retry_at: 0 });
    return due.length > 0;
  }

  offer(slot: Slot): void {
    this.#slots.set(slot.served.handle, slot);
    this.apply({ type: 'offer', handle: slot.served.handle, version: slot.served.version });
  }

  apply(event: LifecycleEvent): void {
    const { state, effects } = step(this.#state, event);
    if (state === this.#state && effects.length === 0) return;
    this.#state = state;
    this.#route();
    for (const effect of effects) {
      const slot = this.#slots.get(effect.handle);
      if (slot === undefined) continue;
      if (effect.type === 'forget') this.#slots.delete(effect.handle);
      this.#runner.run(effect, slot, this);
    }
  }

  #route(): void {
    const { byVersion, byDefault } = routes(this.#state);
    const table = new Map<string, Slot>();
    const set = (key: string, generation: Generation | undefined) => {
      const slot = generation === undefined ? undefined : this.#slots.get(generation.handle);
      if (slot !== undefined) table.set(key, slot);
    };
    for (const [version, generation] of byVersion) set(String(version), generation);
    for (const [label, version] of Object.entries(this.manifest?.version_labels ?? {}))
      set(label, byVersion.get(version));
    set('', byDefault);
    for (const { handle, phase, demanded } of this.#state.generations) {
      const slot = this.#slots.get(handle);
      if (slot !== undefined) slot.dormant = phase === 'lazy' || (phase === 'evicting' && !demanded);
    }
    this.#table = table;
  }

  /** In Triton's words where clients look for them. */
  notServed(version: string): TidegateError {
    if (this.unloaded) {
      return new TidegateError(
        'MODEL_NOT_FOUND',
        `Request for unknown model: '${this.name}' has no available versions`,
      );
    }
    const broken =
      version === '' ? [...this.failures].at(-1) : [...this.failures].find(([number]) => String(number) === version);
    if (broken !== undefined) {
      const [number, { error }] = broken;
      const what = version === '' ? 'has no available versions' : `version ${version} is not at ready state`;
      return new TidegateError(
        'MODEL_NOT_READY',
        `Request for unknown model: '${this.name}' ${what}; version ${number} failed to load: ${error.message}`,
        { cause: error },
      );
    }
    if (this.found === undefined && this.override === undefined) return modelNotFound(this.name);
    if (version === '')
      return new TidegateError(
        'MODEL_NOT_FOUND',
        `Request for unknown model: '${this.name}' has no available versions`,
      );
    return new TidegateError(
      'MODEL_NOT_FOUND',
      `Request for unknown model: '${this.name}' version ${version} is not found`,
    );
  }
}

export function modelNotFound(name: string): TidegateError {
  return new TidegateError('MODEL_NOT_FOUND', `Request for unknown model: '${name}' is not found`);
}

export function modelUnloaded(name: string): TidegateError {
  return new TidegateError('MODEL_NOT_READY', `model '${name}' was unloaded`);
}

export function nodeStopping(): TidegateError {
  return new TidegateError('SHUTTING_DOWN', 'the node is stopping: send the request to another one');
}
