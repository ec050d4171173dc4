import type { DesiredVersion } from '../../contract/desired-state.js';
import type { KeptState } from '../../contract/node-status.js';

export type CopyPhase =
  | 'fetching'
  | 'verifying'
  | 'loading'
  | 'warming'
  | 'ready'
  | 'draining'
  | 'unloading'
  | 'failed';

/** One version on this node, from the first byte to the last. The digest is its identity: the bytes, not the number. */
export interface Copy {
  readonly version: number;
  readonly digest: string;
  readonly phase: CopyPhase;
  /** The work that is under way. News of any other work is late, and means nothing any more. */
  readonly op: number;
  readonly failures: number;
  readonly retry_at_ms: number;
  readonly reason: string | null;
  readonly memory_bytes: number;
}

/** The agent of one model. */
export interface AgentState {
  /** What the node acts on. It is on disk before it is here. */
  readonly epoch: number;
  readonly wanted: readonly DesiredVersion[];
  /** Newer, and not yet on disk. */
  readonly pending: { readonly epoch: number; readonly versions: readonly DesiredVersion[] } | undefined;
  readonly copies: readonly Copy[];
  /** What requests go to. */
  readonly table: readonly DesiredVersion[];
  /** What they went to before: stays in memory, so that the way back takes no time. */
  readonly previous: readonly DesiredVersion[];
  readonly disk: {
    readonly written: string;
    readonly writing: { readonly op: number; readonly text: string; readonly epoch: number } | undefined;
    /** Why the last attempt failed; tried again by the next tick. */
    readonly failure: string | null;
  };
  readonly reported: string;
  readonly next_op: number;
}

/** Completions carry the `op` of the effect that they complete. */
export type AgentEvent =
  | { readonly type: 'desired'; readonly epoch: number; readonly versions: readonly DesiredVersion[] }
  | { readonly type: 'fetched' | 'verified' | 'warmed' | 'drained' | 'unloaded'; readonly op: number }
  | { readonly type: 'loaded'; readonly op: number; readonly memory_bytes: number }
  /** `no_memory`: it would fit if something else left. */
  | { readonly type: 'failed'; readonly op: number; readonly reason: string; readonly no_memory?: boolean }
  /** What was ready is not any more: its threads died too often. */
  | { readonly type: 'lost'; readonly digest: string; readonly reason: string }
  | { readonly type: 'persisted'; readonly op: number }
  | { readonly type: 'persist-failed'; readonly op: number; readonly reason: string }
  | { readonly type: 'tick' };

export type AgentEffect =
  | {
      readonly type: 'fetch' | 'verify' | 'load' | 'warm' | 'drain' | 'unload' | 'cancel';
      readonly op: number;
      readonly version: number;
      readonly digest: string;
    }
  | { readonly type: 'switch'; readonly table: readonly DesiredVersion[] }
  | { readonly type: 'persist'; readonly op: number; readonly kept: KeptState }
  | { readonly type: 'report' };

export interface AgentStep {
  readonly state: AgentState;
  readonly effects: readonly AgentEffect[];
}

/**
 * A node that starts, with what its disk knows. What it served last is the fallback until what is wanted can serve: a crash in the middle of a swap
 * ends with the old version serving, or the new one, but with one of them.
 */
export function restarted(kept: KeptState | undefined): AgentState {
  const wanted = kept?.wanted ?? [];
  return {
    epoch: kept?.epoch ?? -1,
    wanted,
    pending: undefined,
    copies: [],
    table: [],
    previous: wanted.length === 0 ? [] : (kept?.serving ?? []),
    disk: { written: kept === undefined ? '' : JSON.stringify(kept), writing: undefined, failure: null },
    reported: '',
    next_op: 1,
  };
}
