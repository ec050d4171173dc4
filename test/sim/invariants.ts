import assert from 'node:assert/strict';
import { type DesiredState, type DesiredVersion, type Labels, versionsFor } from '../../contract/desired-state.js';
import type { NodeJudgement } from '../../control-plane/fleet/convergence.js';

export interface NodeIdentity {
  readonly name: string;
  readonly labels: Labels;
}

/** What must hold in every world at every moment. Each message begins with the invariant's name. */
export class Invariants {
  readonly #nodes: readonly NodeIdentity[];
  readonly #everDesired = new Map<string, Set<string>>();
  readonly #highest = new Map<string, number>();
  readonly #holders = new Map<number, string>();
  #last: DesiredState | undefined;

  constructor(nodes: readonly NodeIdentity[]) {
    this.#nodes = nodes;
  }

  /** The store has taken a new desired state. */
  written(state: DesiredState, holder: string): void {
    const last = this.#last;
    assert.ok(state.epoch > (last?.epoch ?? -1), `epochs grow: ${state.epoch} was written over ${last?.epoch}`);
    assert.ok(state.term >= (last?.term ?? 0), `an old leader never writes: term ${state.term} over ${last?.term}`);
    const other = this.#holders.get(state.term) ?? holder;
    assert.equal(other, holder, `one leader acts per term: ${other} and ${holder} wrote in term ${state.term}`);
    this.#holders.set(state.term, holder);
    this.#last = state;
    for (const node of this.#nodes) {
      const desired = this.#everDesired.get(node.name) ?? new Set();
      for (const { digest } of versionsFor(state, node)) desired.add(digest);
      this.#everDesired.set(node.name, desired);
    }
  }

  adopted(node: string, epoch: number): void {
    const highest = this.#highest.get(node) ?? -1;
    assert.ok(epoch >= highest, `an old epoch never wins: ${node} acts on ${epoch} after ${highest}`);
    this.#highest.set(node, epoch);
  }

  /** `before` and `after`: what requests go to on a node, within one life of it. */
  switched(
    node: string,
    before: readonly DesiredVersion[],
    after: readonly DesiredVersion[],
    isNoneWanted: boolean,
    memory: ReadonlySet<string>,
  ): void {
    for (const { version, digest } of after) {
      const wasDesired = this.#everDesired.get(node)?.has(digest) === true;
      assert.ok(wasDesired, `only what was desired serves: ${node} serves version ${version}, never desired there`);
      assert.ok(memory.has(digest), `only what is in memory serves: ${node} sends requests to version ${version}`);
    }
    const answers = (versions: readonly DesiredVersion[]): boolean =>
      versions.some(({ role, weight }) => role === 'champion' && weight > 0);
    assert.ok(
      answers(after) || !answers(before) || isNoneWanted,
      `no request without a version: ${node} had one that answers, and has none`,
    );
  }

  unloaded(node: string, digest: string, table: readonly DesiredVersion[]): void {
    const serves = table.some((each) => each.digest === digest);
    assert.ok(!serves, `only what is in memory serves: ${node} unloads ${digest} while requests go to it`);
  }

  judged(node: string, judgement: NodeJudgement | undefined): void {
    const isRight = judgement?.verdict !== 'diverged';
    assert.ok(isRight, `a right agent is never called divergent: ${node}: ${judgement?.reason}`);
  }

  leaders(holders: readonly string[]): void {
    assert.ok(holders.length <= 1, `one leader at a time: ${holders.join(' and ')} both believe that they lead`);
  }
}
