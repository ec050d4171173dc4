import type { Bus } from '../../../bus/connection.js';
import { type FollowedEntry, follow } from '../../../bus/follow.js';
import {
  type DesiredState,
  DesiredStateSchema,
  NodeIntentSchema,
  type NodeMode,
} from '../../../contract/desired-state.js';
import { isNewer, type NodeStatus, NodeStatusSchema } from '../../../contract/node-status.js';
import { readPayload } from '../../../contract/payload.js';
import type { Log } from '../../../std/log.js';
import { AT_LARGE, type Quarantine } from '../quarantine.js';
import type { FleetNode } from '../reconciler.js';

/** A node that nobody has heard of for so long is forgotten, as far as nothing names it. */
const FORGOTTEN_MS = 86_400_000;

export interface KnownDesired {
  readonly state: DesiredState;
  /** Of its key: what the next change is written over. */
  readonly revision: number;
  /** Since when it is so. */
  readonly since_ms: number;
}

export type FleetChange =
  | { readonly kind: 'desired'; readonly name: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'intent'; readonly name: string };

interface Reported {
  readonly status: NodeStatus;
  readonly heard_ms: number;
}

/**
 * What a control plane knows of its fleet at this moment: read from NATS and never written from here, so that any number of control planes may hold one.
 * Payloads that are not understood change nothing, are counted, and are told.
 */
export class FleetView {
  readonly desired = new Map<string, KnownDesired>();
  readonly #reports = new Map<string, Reported>();
  readonly #intents = new Map<string, { readonly mode: NodeMode; readonly revision: number }>();
  readonly #quarantines = new Map<string, Quarantine>();
  readonly #listeners = new Set<(change: FleetChange) => void>();
  readonly #log: Log;
  readonly #now_ms: () => number;
  readonly #stopped = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  refused = 0;

  /** Resolves when everything that was there has been read. */
  static async start(bus: Bus, log: Log, now_ms: () => number): Promise<FleetView> {
    const view = new FleetView(log, now_ms);
    const hear = view.#hearers();
    await new Promise<void>((resolve) => {
      let left = 3;
      const caughtUp = () => {
        left--;
        if (left === 0) resolve();
      };
      const failed = (error: unknown) => log.warn({ error }, 'the fleet cannot be followed: trying again');
      const { signal } = view.#stopped;
      view.#running = Promise.all(
        (['desired', 'nodes', 'intents'] as const).map((bucket) =>
          follow(bus, bucket, { heard: (entry) => view.#heard(bucket, entry, hear[bucket]), caughtUp, failed }, signal),
        ),
      );
    });
    return view;
  }

  private constructor(log: Log, now_ms: () => number) {
    this.#log = log;
    this.#now_ms = now_ms;
  }

  get models(): readonly string[] {
    return [...this.desired.keys()].sort();
  }

  get nodes(): readonly FleetNode[] {
    const names = new Set([...this.#reports.keys(), ...this.#intents.keys()]);
    return [...names].sort().flatMap((name) => this.node(name) ?? []);
  }

  node(name: string): FleetNode | undefined {
    const report = this.#reports.get(name);
    const intent = this.#intents.get(name);
    if (report === undefined && intent === undefined) return undefined;
    return {
      name,
      labels: report?.status.labels ?? {},
      mode: intent?.mode ?? 'active',
      status: report?.status,
      heard_ms: report?.heard_ms ?? 0,
      quarantine: this.#quarantines.get(name) ?? AT_LARGE,
    };
  }

  /** 0: nobody has said anything of this node. */
  intentRevision(name: string): number {
    return this.#intents.get(name)?.revision ?? 0;
  }

  quarantine(name: string, state: Quarantine): void {
    this.#quarantines.set(name, state);
  }

  /** Returns how to stop listening. */
  listen(heard: (change: FleetChange) => void): () => void {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  #hearers(): Readonly<Record<'desired' | 'nodes' | 'intents', (entry: FollowedEntry) => FleetChange | undefined>> {
    return {
      desired: ({ name, text, revision, stored_ms }) => {
        if (text === undefined) this.desired.delete(name);
        else {
          const state = readPayload(`the desired state of ${name}`, DesiredStateSchema, text);
          this.desired.set(name, { state, revision, since_ms: Math.min(stored_ms, this.#now_ms()) });
        }
        return { kind: 'desired', name };
      },
      nodes: ({ name, text, stored_ms }) => {
        // Its time to live is over: what it said last is still the best that is known.
        if (text === undefined) return undefined;
        const status = readPayload(`the report of node ${name}`, NodeStatusSchema, text);
        const before = this.#reports.get(name);
        if (before !== undefined && !isNewer(status, before.status)) return undefined;
        this.#reports.set(name, { status, heard_ms: Math.min(stored_ms, this.#now_ms()) });
        this.#forgetOld();
        return before !== undefined && saysTheSame(before.status, status) ? undefined : { kind: 'node', name };
      },
      intents: ({ name, text, revision }) => {
        if (text === undefined) {
          this.#intents.delete(name);
          this.#reports.delete(name);
        } else {
          const { mode } = readPayload(`what is wanted of node ${name}`, NodeIntentSchema, text);
          this.#intents.set(name, { mode, revision });
        }
        return { kind: 'intent', name };
      },
    };
  }

  #heard(bucket: string, entry: FollowedEntry, hear: (entry: FollowedEntry) => FleetChange | undefined): void {
    try {
      const change = hear(entry);
      if (change !== undefined) for (const listener of this.#listeners) listener(change);
    } catch (error) {
      this.refused++;
      this.#log.error(
        { error, bucket, name: entry.name },
        'something in NATS was not understood: it changes nothing here',
      );
    }
  }

  #forgetOld(): void {
    const oldest_ms = this.#now_ms() - FORGOTTEN_MS;
    for (const [name, { heard_ms }] of this.#reports) if (heard_ms < oldest_ms) this.#reports.delete(name);
  }
}

/** Heartbeats are no news. */
function saysTheSame(a: NodeStatus, b: NodeStatus): boolean {
  return (
    a.life === b.life &&
    a.memory_used_bytes === b.memory_used_bytes &&
    JSON.stringify(a.models) === JSON.stringify(b.models) &&
    JSON.stringify(a.labels) === JSON.stringify(b.labels)
  );
}
