/**
 * Everything that Tidegate keeps in NATS, in one place: streams, buckets and the store of artefacts. Whoever starts first makes them; later starts
 * change what may be changed. Subjects and keys are those of docs/nats.md.
 */
export interface StreamDeclaration {
  readonly name: string;
  readonly description: string;
  readonly subjects: readonly string[];
  /** `work`: each message goes to one worker and is gone when it is acknowledged. */
  readonly keeps: 'all' | 'work';
  /** 0: for ever. */
  readonly max_age_ms: number;
  readonly max_bytes: number;
  /** Within it a message with the same id is not stored twice. */
  readonly duplicate_window_ms: number;
}

export interface BucketDeclaration {
  readonly name: string;
  readonly description: string;
  /** How many values of a key are kept. */
  readonly history: number;
  /** 0: for ever. */
  readonly ttl_ms: number;
  /** `memory`: what is said anew every few seconds need not survive a server, and must not wait for its disk. */
  readonly storage: 'file' | 'memory';
}

const DAY_MS = 86_400_000;
const GiB = 1024 ** 3;

export const STREAMS: readonly StreamDeclaration[] = [
  {
    name: 'TG_FEATURES',
    description: 'updates of features: tg.<env>.features.<view>.<partition>',
    subjects: ['tg.*.features.>'],
    keeps: 'all',
    max_age_ms: 7 * DAY_MS,
    max_bytes: 8 * GiB,
    duplicate_window_ms: 120_000,
  },
  {
    name: 'TG_EVENTS',
    description: 'what happened in the fleet: tg.<env>.events.<kind>.<name>',
    subjects: ['tg.*.events.>'],
    keeps: 'all',
    max_age_ms: 30 * DAY_MS,
    max_bytes: GiB,
    duplicate_window_ms: 120_000,
  },
  {
    name: 'TG_WORK',
    description: 'steps of pipelines that wait for a worker: tg.<env>.work.<queue>',
    subjects: ['tg.*.work.>'],
    keeps: 'work',
    max_age_ms: 0,
    max_bytes: GiB,
    duplicate_window_ms: 120_000,
  },
];

/** How long a node that says nothing is still listed. Convergence gives it up earlier; here its record goes. */
export const NODE_TTL_MS = 120_000;

export const BUCKETS = {
  desired: {
    name: 'tg_desired',
    description: 'what nodes should serve: <env>.<model>',
    history: 32,
    ttl_ms: 0,
    storage: 'file',
  },
  intents: {
    name: 'tg_intents',
    description: 'what operators want of nodes: <env>.<node>',
    history: 8,
    ttl_ms: 0,
    storage: 'file',
  },
  nodes: {
    name: 'tg_nodes',
    description: 'what nodes say of themselves: <env>.<node>',
    history: 1,
    ttl_ms: NODE_TTL_MS,
    storage: 'memory',
  },
  registry: {
    name: 'tg_registry',
    description: 'models, versions, aliases: <model>.<what>',
    history: 16,
    ttl_ms: 0,
    storage: 'file',
  },
  lease: {
    name: 'tg_lease',
    description: 'which control plane leads: <env>.leader',
    history: 1,
    ttl_ms: 0,
    storage: 'file',
  },
  tokens: {
    name: 'tg_tokens',
    description: 'who may, as control planes tell each other: <env>.<token id>',
    history: 1,
    ttl_ms: 0,
    storage: 'file',
  },
  rollouts: {
    name: 'tg_rollouts',
    description: 'where rollouts stand: <env>.<rollout>',
    history: 64,
    ttl_ms: 0,
    storage: 'file',
  },
} as const satisfies Record<string, BucketDeclaration>;

export type BucketName = keyof typeof BUCKETS;

export const ARTIFACTS = {
  name: 'tg_artifacts',
  description: 'files and manifests of versions, by their sha256',
} as const;

/**
 * `prod.flights`: the key of a model or a node in an environment. A dot within a name is written as `=`, which no name holds: NATS would read
 * it as one more level, and refuses two in a row.
 */
export function keyOf(environment: string, name: string): string {
  return `${token(environment)}.${token(name)}`;
}

/** The name behind the environment; undefined: it is a key of another environment. */
export function nameIn(environment: string, key: string): string | undefined {
  const prefix = `${token(environment)}.`;
  return key.startsWith(prefix) ? key.slice(prefix.length).replaceAll('=', '.') : undefined;
}

/** A name as one level of a subject. */
export function token(name: string): string {
  return name.replaceAll('.', '=');
}
