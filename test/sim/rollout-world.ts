import assert from 'node:assert/strict';
import { type Placement, versionsFor } from '../../contract/desired-state.js';
import { RolloutPolicySchema } from '../../contract/rollout-policy.js';
import { essence } from '../../control-plane/fleet/deployment.js';
import { begun, type RolloutEffect, type RolloutEvent, rolloutStep } from '../../control-plane/rollout/machine.js';
import type { RolloutNode } from '../../control-plane/rollout/observation.js';
import { promotedPlacements } from '../../control-plane/rollout/plan.js';
import { hasEnded, type RolloutState, RolloutStateSchema } from '../../control-plane/rollout/state.js';
import { liveMetrics } from '../../control-plane/rollout/tally.js';
import { seededRandom } from '../harness/seeded-random.js';

const digest = (version: number): string => `sha256:${String(version).padStart(64, '0')}`;
export const candidate = { version: 2, digest: digest(2), memory_bytes: 1 };
export const policy = RolloutPolicySchema.parse({
  steps: [
    { shadow: {} },
    { weight: { percent: 10, nodes: { labels: { ring: 'first' } } } },
    { analysis: { metrics: ['errors'], within: '30s' } },
    { pause: { until: 'approved' } },
    { weight: { percent: 100, nodes: { labels: { ring: 'first' } } } },
    { pause: { for: '5s' } },
    { weight: { percent: 25 } },
  ],
  metrics: [{ name: 'errors', query: { errors: true }, rule: { above: 0.1 }, count: 2, failures: 1 }],
  background: ['errors'],
  routes: ['next'],
  warm_within: '60s',
});
const one = (version: number, weight: number, role: 'champion' | 'canary'): Placement['versions'][number] => ({
  version,
  digest: digest(version),
  weight,
  role,
  routes: [],
});
export const base: readonly Placement[] = [
  {
    selector: { labels: {} },
    replicas: 'all',
    assigned: [],
    excluded: [],
    versions: [one(1, 90, 'champion'), one(9, 30, 'canary')],
  },
];

interface Deployed {
  readonly revision: number;
  readonly epoch: number;
  readonly placements: readonly Placement[];
}
interface SimNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  isReachable: boolean;
  isBroken: boolean;
  epoch: number;
  ready: string[];
}
interface Leader {
  kept: { readonly revision: number; readonly state: RolloutState } | undefined;
}

/** One rollout, two control planes that both believe to lead, three nodes, and a network that loses, repeats and reorders. */
export class RolloutWorld {
  now_ms = 0;
  kept: { readonly revision: number; readonly state: RolloutState };
  deployed: Deployed = { revision: 1, epoch: 1, placements: base };
  foreign: string | undefined;
  readonly nodes: readonly SimNode[];
  readonly #leaders: readonly Leader[] = [{ kept: undefined }, { kept: undefined }];
  #wire: (() => void)[] = [];
  readonly #random: () => number;
  readonly #step: typeof rolloutStep;

  constructor(seed: number, step = rolloutStep) {
    this.#step = step;
    this.#random = seededRandom(seed);
    this.nodes = ['first', 'second', 'second'].map((ring, index) => ({
      name: `node-${index}`,
      labels: { ring },
      isReachable: true,
      isBroken: false,
      epoch: 1,
      ready: [digest(1), digest(9)],
    }));
    const what = { name: 'r', model: 'm', candidate, policy };
    this.kept = { revision: 1, state: begun(what, this.deployed, 0) };
  }

  /** Anything may happen, in any order. */
  chaos(turns: number): void {
    for (let turn = 0; turn < turns; turn++) {
      this.now_ms += this.#random() * 2_000;
      const leader = this.#leaders[this.#pick(2)];
      const what = this.#pick(20);
      if (what < 7) this.#tell(leader, this.#observed());
      else if (what < 11) this.#deliver();
      else if (what < 14) this.#move(this.nodes[this.#pick(3)]);
      else if (what === 14) leader.kept = undefined;
      else if (what === 15) this.#tell(leader, { type: 'found', ...this.deployed });
      else if (what === 16) this.#tell(leader, this.#measurement());
      else if (what === 17) this.#disturb(this.nodes[this.#pick(3)]);
      else if (what === 18) this.#tell(leader, this.#order());
      else if (this.#random() < 0.03) this.#deployElsewhere();
    }
  }

  /** Everybody is there again, and somebody looks after what waits: then it must come to an end. */
  settle(): void {
    for (const node of this.nodes) {
      node.isReachable = true;
      node.isBroken = false;
    }
    for (let round = 0; round < 400 && !hasEnded(this.kept.state); round++) {
      this.now_ms += 1_000;
      const [leader] = this.#leaders;
      const by = 'operator';
      for (const event of [
        { type: 'thawed', by },
        { type: 'resumed', by },
        { type: 'approved', by },
        { type: 'measured', metric: 'errors', verdict: 'pass', because: 'few' },
        { type: 'found', ...this.deployed },
      ] as const)
        this.#tell(leader, event);
      this.#tell(leader, this.#observed());
      while (this.#wire.length > 0) this.#deliver();
      for (const node of this.nodes) this.#move(node);
    }
    while (this.#wire.length > 0) this.#deliver();
  }

  checkEnd(): void {
    const { status, reason } = this.kept.state;
    const now = text(this.deployed.placements);
    if (this.foreign !== undefined) assert.equal(now, this.foreign, 'what somebody else has deployed stays');
    if (this.foreign !== undefined && status === 'failed') return;
    const right = { promoted: promotedPlacements(this.kept.state), 'rolled-back': base };
    assert.ok(status === 'promoted' || status === 'rolled-back', `it ended as ${status}: ${reason}`);
    if (this.foreign === undefined) assert.equal(now, text(right[status]), status);
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #observed(): RolloutEvent & { type: 'observed' } {
    const nodes = this.nodes.map((node): RolloutNode => {
      const failed: Record<string, string> = node.isBroken ? { [candidate.digest]: 'it is cut off' } : {};
      return { ...node, ready: [...node.ready], failed };
    });
    return { type: 'observed', nodes };
  }

  /** What a control plane does: step, keep over what it read, and only then act. */
  #tell(leader: Leader, event: RolloutEvent): void {
    leader.kept ??= { revision: this.kept.revision, state: RolloutStateSchema.parse(clone(this.kept.state)) };
    const { revision, state: before } = leader.kept;
    const { state, effects } = this.#step(before, event, this.now_ms);
    if (revision !== this.kept.revision) {
      leader.kept = undefined;
      return;
    }
    this.kept = { revision: revision + 1, state };
    leader.kept = this.kept;
    if (event.type === 'observed' && state.write?.op !== before.write?.op) this.#checkWarm(state, event.nodes);
    // Dies between keeping and acting.
    if (this.#random() < 0.1 && this.#wire.length > 0) return;
    for (const effect of effects) this.#act(leader, effect);
  }

  #act(leader: Leader, effect: RolloutEffect): void {
    if (effect.type !== 'write') return;
    this.#wire.push(() => {
      const { op, over, placements } = effect;
      if (over !== this.deployed.revision) {
        const found = this.deployed;
        this.#wire.push(() => this.#tell(leader, { type: 'found', ...found }));
        return;
      }
      checkPlacements(placements, this.kept.state);
      const { epoch } = this.deployed;
      this.deployed = { revision: over + 1, epoch: epoch + 1, placements };
      const { revision } = this.deployed;
      this.#wire.push(() => this.#tell(leader, { type: 'written', op, revision, epoch: epoch + 1 }));
    });
  }

  #deliver(): void {
    if (this.#wire.length === 0) return;
    const index = this.#pick(this.#wire.length);
    const [message] = this.#wire.splice(index, 1);
    const fate = this.#random();
    if (fate < 0.15) return;
    if (fate < 0.2) this.#wire.push(message);
    message();
  }

  #move(node: SimNode): void {
    node.epoch = this.deployed.epoch;
    const wanted = versionsFor({ placements: [...this.deployed.placements] }, node).map((each) => each.digest);
    node.ready = node.ready.filter((each) => wanted.includes(each));
    const missing = wanted.find((each) => !node.ready.includes(each) && !(node.isBroken && each === candidate.digest));
    if (missing !== undefined) node.ready.push(missing);
  }

  #disturb(node: SimNode): void {
    const what = this.#random();
    if (what < 0.4) node.ready = [];
    else if (what < 0.9) node.isReachable = !node.isReachable;
    else node.isBroken = true;
  }

  #measurement(): RolloutEvent {
    const draw = this.#random();
    const verdict = draw < 0.7 ? 'pass' : draw < 0.8 ? 'fail' : draw < 0.9 ? 'inconclusive' : 'error';
    const isLive = liveMetrics(this.kept.state).length > 0;
    return { type: 'measured', metric: isLive ? 'errors' : 'unknown', verdict, because: verdict };
  }

  #order(): RolloutEvent {
    const by = 'operator';
    const orders: readonly RolloutEvent[] = [
      { type: 'approved', by },
      { type: 'resumed', by },
      { type: 'thawed', by },
      { type: 'paused', by, because: 'lunch' },
      { type: 'frozen', by },
      { type: 'promoted', by },
      { type: 'approved', by },
      { type: 'resumed', by },
      { type: 'thawed', by },
      this.#random() < 0.3 ? { type: 'aborted', by, because: 'a hunch' } : { type: 'approved', by },
      this.#random() < 0.1 ? { type: 'version-deleted' } : { type: 'thawed', by },
    ];
    return orders[this.#pick(orders.length)];
  }

  #deployElsewhere(): void {
    const placements = [{ ...base[0], versions: [one(7, 1, 'champion')] }];
    const { revision, epoch } = this.deployed;
    this.deployed = { revision: revision + 1, epoch: epoch + 1, placements };
    this.foreign = text(placements);
  }

  #checkWarm({ write }: RolloutState, nodes: readonly RolloutNode[]): void {
    for (const node of nodes.filter(({ isReachable }) => isReachable)) {
      const given = versionsFor({ placements: write?.placements ?? [] }, node).find(({ version }) => version === 2);
      const isGiven = given !== undefined && given.weight > 0;
      assert.ok(!isGiven || node.ready.includes(given.digest), `${node.name} was given requests before it was ready`);
    }
  }
}

function checkPlacements(placements: readonly Placement[], state: RolloutState): void {
  const isEnd = text(placements) === text(promotedPlacements(state));
  const isBack = text(placements) === text(base);
  for (const { versions } of placements) {
    assert.ok(isEnd || versions.some(({ version }) => version === 1), 'the version of before stays until the end');
    assert.ok(versions.some(({ role, weight }) => role === 'champion' && weight > 0));
    const sum = versions.reduce((total, { role, weight }) => total + (role === 'shadow' ? 0 : weight), 0);
    const isWhole = Math.abs(sum - 100) < 1e-9 || isBack || !versions.some(({ version }) => version === 2);
    assert.ok(isWhole, `weights add up to ${sum}`);
  }
}

function text(placements: readonly Placement[]): string {
  return essence({ placements: [...placements] });
}

function clone(state: RolloutState): unknown {
  return JSON.parse(JSON.stringify(state));
}
