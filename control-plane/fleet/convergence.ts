import { type DesiredState, type DesiredVersion, type NodeMode, versionsFor } from '../../contract/desired-state.js';
import type { NodeStatus, ObservedModel } from '../../contract/node-status.js';

export const NODE_VERDICTS = ['converged', 'maintenance', 'progressing', 'unreachable', 'failed', 'diverged'] as const;
/** From good to bad: a model is as good as its worst node. */
export type NodeVerdict = (typeof NODE_VERDICTS)[number];

export interface KnownNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mode: NodeMode;
  /** Its last report, and when it came, by the clock of the control plane. */
  readonly status: NodeStatus | undefined;
  readonly heard_ms: number;
}

export interface Patience {
  /** A node that is silent for longer is not there. */
  readonly silent_ms: number;
  /** What is under way for longer is stuck. */
  readonly stuck_ms: number;
}
export const PATIENCE: Patience = { silent_ms: 15_000, stuck_ms: 900_000 };

export interface NodeJudgement {
  readonly node: string;
  readonly verdict: NodeVerdict;
  /** In words, for everything but converged. */
  readonly reason: string | null;
  readonly epoch: number;
  readonly serving: readonly number[];
}

export interface ModelJudgement {
  readonly model: string;
  readonly epoch: number;
  readonly verdict: NodeVerdict;
  readonly counts: Readonly<Record<NodeVerdict, number>>;
  readonly nodes: readonly NodeJudgement[];
}

interface DesiredSince {
  readonly state: DesiredState;
  readonly since_ms: number;
}

/** Desired against observed, for every node that has to do with the model. Nothing is remembered: whatever was missed, the next look sees. */
export function judgeModel(
  model: string,
  desired: DesiredSince,
  nodes: readonly KnownNode[],
  now_ms: number,
  patience = PATIENCE,
): ModelJudgement {
  const judged = nodes.flatMap((node) => {
    const wanted = versionsFor(desired.state, node);
    const observed = node.status?.models[model];
    const hasNothing = observed === undefined || observed.versions.length === 0;
    if (wanted.length === 0 && hasNothing) return [];
    const [verdict, reason] = verdictOf(desired, wanted, observed, node, now_ms, patience);
    return [{ node: node.name, verdict, reason, epoch: observed?.epoch ?? 0, serving: observed?.serving ?? [] }];
  });
  const count = (verdict: NodeVerdict): number => judged.filter((each) => each.verdict === verdict).length;
  return {
    model,
    epoch: desired.state.epoch,
    verdict: NODE_VERDICTS.findLast((verdict) => count(verdict) > 0) ?? 'converged',
    counts: {
      converged: count('converged'),
      maintenance: count('maintenance'),
      progressing: count('progressing'),
      unreachable: count('unreachable'),
      failed: count('failed'),
      diverged: count('diverged'),
    },
    nodes: judged,
  };
}

type Finding = readonly [verdict: NodeVerdict, reason: string | null];

function verdictOf(
  { state, since_ms }: DesiredSince,
  wanted: readonly DesiredVersion[],
  observed: ObservedModel | undefined,
  node: KnownNode,
  now_ms: number,
  patience: Patience,
): Finding {
  if (node.mode === 'maintenance') return ['maintenance', 'it is in maintenance, and not judged'];
  const silent_ms = now_ms - node.heard_ms;
  if (node.status === undefined) return ['unreachable', 'it has never reported'];
  if (silent_ms > patience.silent_ms) {
    return ['unreachable', `it was heard of ${Math.round(silent_ms / 1000)} s ago; it may go on serving`];
  }
  const wrong = divergence(state.epoch, wanted, observed);
  if (wrong !== undefined) return ['diverged', wrong];
  const broken = failure(wanted, observed);
  if (broken !== undefined) return ['failed', broken];
  const left = remainder(state.epoch, wanted, observed);
  if (left === undefined) return ['converged', null];
  const under_way_ms = now_ms - since_ms;
  if (under_way_ms <= patience.stuck_ms) return ['progressing', left];
  return ['failed', `${left}, for ${Math.round(under_way_ms / 1000)} s`];
}

/** What no right agent would ever report. */
function divergence(
  epoch: number,
  wanted: readonly DesiredVersion[],
  observed: ObservedModel | undefined,
): string | undefined {
  if (observed === undefined) return undefined;
  if (observed.epoch > epoch) return `it acts on epoch ${observed.epoch}; the newest is ${epoch}`;
  for (const { version, digest } of wanted) {
    const other = observed.versions.find((each) => each.version === version && each.digest !== digest);
    if (other !== undefined) return `its version ${version} is ${other.digest}, and should be ${digest}`;
  }
  const isReady = (version: number): boolean =>
    observed.versions.some((each) => each.version === version && each.state === 'ready');
  const absent = observed.serving.find((version) => !isReady(version));
  if (absent !== undefined) return `it says that it serves version ${absent}, and that this version is not ready`;
  const champions = wanted.filter(({ role, weight }) => role === 'champion' && weight > 0);
  const canSwitch = observed.epoch === epoch && champions.every(({ version }) => isReady(version));
  const stray = observed.serving.find((version) => !wanted.some((each) => each.version === version));
  if (canSwitch && stray !== undefined) return `it serves version ${stray}, which epoch ${epoch} does not name`;
  return undefined;
}

function failure(wanted: readonly DesiredVersion[], observed: ObservedModel | undefined): string | undefined {
  if (observed === undefined) return undefined;
  const failed = observed.versions.find(
    ({ digest, failures, state }) =>
      wanted.some((each) => each.digest === digest) && (state === 'failed' || failures > 0),
  );
  if (failed === undefined) return observed.trouble ?? undefined;
  const serving = observed.serving.length === 0 ? 'nothing' : `version ${observed.serving.join(', ')}`;
  const patience = failed.quarantined
    ? `in quarantine after ${failed.failures} failures`
    : `failed ${failed.failures} times`;
  return `version ${failed.version} ${patience}: ${failed.reason}; it serves ${serving}`;
}

function remainder(
  epoch: number,
  wanted: readonly DesiredVersion[],
  observed: ObservedModel | undefined,
): string | undefined {
  if (observed === undefined) return 'it has not begun';
  if (observed.epoch < epoch) return `it acts on epoch ${observed.epoch}; the newest is ${epoch}`;
  for (const { version, digest } of wanted) {
    const found = observed.versions.find((each) => each.digest === digest);
    if (found?.state !== 'ready') return `version ${version} is ${found?.state ?? 'not there yet'}`;
    if (!observed.serving.includes(version)) return `version ${version} is ready, and does not serve yet`;
  }
  if (wanted.length === 0 && observed.versions.length > 0) return 'it still holds versions that nobody wants';
  return undefined;
}
