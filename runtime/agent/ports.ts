import type { DesiredVersion } from '../../contract/desired-state.js';
import type { ObservedModel } from '../../contract/node-status.js';

/** Bytes of one version of one model. */
export interface VersionBytes {
  readonly model: string;
  readonly version: number;
  readonly digest: string;
}

/**
 * Where versions come from, and where they lie on this node. Both reject with a reason that an operator understands. A call that was aborted may still
 * be ending when the next one for the same bytes begins.
 */
export interface Artefacts {
  /** What is there already is not fetched again. */
  fetch(bytes: VersionBytes, signal: AbortSignal): Promise<void>;
  verify(bytes: VersionBytes, signal: AbortSignal): Promise<void>;
}

/** What runs models on this node. */
export interface Engine {
  /** A load that fails leaves nothing in memory. Rejects with MEMORY_EXHAUSTED where it would fit if something else left. */
  load(bytes: VersionBytes): Promise<{ readonly memory_bytes: number }>;
  warm(bytes: VersionBytes): Promise<void>;
  /** From now on requests go by this table; only what was warmed is in it. Requests that are under way stay where they are. */
  switchTo(model: string, table: readonly DesiredVersion[]): void;
  /** Resolves when no request is under way, or is given up. */
  drain(bytes: VersionBytes): Promise<void>;
  unload(bytes: VersionBytes): Promise<void>;
}

type Fields = Readonly<Record<string, unknown>>;

export interface AgentLog {
  info(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export interface AgentPorts {
  readonly artefacts: Artefacts;
  readonly engine: Engine;
  /** Tells the control plane. May lose it: the node reports everything again at each of its heartbeats. */
  report(model: string, observed: ObservedModel): void;
  /** Never goes back. */
  now_ms(): number;
  readonly log: AgentLog;
}
