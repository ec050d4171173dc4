import assert from 'node:assert/strict';
import { type DesiredVersion, type Placement, type Role, versionsFor } from '../../contract/desired-state.js';
import { fencedWrite } from '../../control-plane/fleet/fenced-write.js';
import { leaseStep } from '../../control-plane/fleet/lease.js';
import { step } from '../../runtime/agent/machine.js';
import { seededRandom } from '../harness/seeded-random.js';
import { Invariants } from './invariants.js';
import { Network, type Random } from './network.js';
import { Schedule } from './schedule.js';
import { SimControl } from './sim-control.js';
import { SimNode } from './sim-node.js';
import { Store } from './store.js';

/** What a world is made of; a mutant replaces one of them by something that is wrong. */
export interface Parts {
  readonly step: typeof step;
  readonly leaseStep: typeof leaseStep;
  readonly fencedWrite: typeof fencedWrite;
}
export const REAL: Parts = { step, leaseStep, fencedWrite };

const CHAOS_MS = 20_000;
/** After healing: a takeover of the lease, and the longest wait before something that failed in the chaos is tried again. */
const HEALING_MS = 90_000;
const VERSIONS = 6;

function digestOf(version: number): string {
  return `sha256:${String(version).padStart(64, '0')}`;
}

/** One fleet, one seed: chaos, then healing, then everything must be as it is desired. Throws what was broken. */
export class World {
  readonly schedule = new Schedule();
  readonly store = new Store();
  readonly nodes: readonly SimNode[];
  readonly controls: readonly SimControl[];
  readonly #random: Random;
  readonly #network: Network;
  readonly #broken: ReadonlySet<string>;
  #intent: readonly Placement[];

  constructor(seed: number, parts: Parts = REAL) {
    const random = seededRandom(seed);
    const { schedule, store } = this;
    this.#random = random;
    const network = new Network(schedule, random);
    this.#network = network;
    this.#broken = new Set(Array.from({ length: 2 }, () => digestOf(1 + this.#pick(VERSIONS))));
    const identities = Array.from({ length: 2 + this.#pick(3) }, (_, index) => ({
      name: `node-${index}`,
      labels: { ring: index === 0 ? 'canary' : 'stable' },
    }));
    const invariants = new Invariants(identities);
    this.#intent = this.#randomIntent();
    const shared = { ...parts, schedule, store, network, random };
    this.nodes = identities.map((each) => new SimNode(each, { ...shared, invariants, broken: this.#broken }));
    this.controls = Array.from(
      { length: 1 + this.#pick(3) },
      (_, index) =>
        new SimControl(`control-${index}`, {
          ...shared,
          intent: () => this.#intent,
          written: (state, holder) => {
            invariants.written(state, holder);
            for (const node of this.nodes) network.send(node.identity.name, () => node.hear(state));
          },
        }),
    );
    this.#watchLeaders(invariants);
    this.#turmoil();
  }

  run(): void {
    this.schedule.runUntil(CHAOS_MS);
    this.#heal();
    const end_ms = CHAOS_MS + HEALING_MS;
    while (this.#difference() !== undefined && this.schedule.now_ms < end_ms) {
      this.schedule.runUntil(this.schedule.now_ms + 1_000);
    }
    // What has converged stays so.
    this.schedule.runUntil(this.schedule.now_ms + 3_000);
    assert.equal(this.#difference(), undefined, `converges after healing: ${this.#difference()}`);
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #randomVersions(): DesiredVersion[] {
    if (this.#random() < 0.08) return [];
    const wants = (version: number, weight: number, role: Role): DesiredVersion => ({
      version,
      digest: digestOf(version),
      weight,
      role,
      routes: [],
    });
    const champion = 1 + this.#pick(VERSIONS);
    const other = 1 + ((champion + this.#pick(VERSIONS - 1)) % VERSIONS);
    const versions = [wants(champion, 95, 'champion')];
    if (this.#random() < 0.4) versions.push(wants(other, 5, this.#random() < 0.5 ? 'canary' : 'shadow'));
    return versions;
  }

  #randomIntent(): readonly Placement[] {
    const everyone: Placement = {
      selector: { labels: {} },
      replicas: 'all',
      assigned: [],
      excluded: [],
      versions: this.#randomVersions(),
    };
    if (this.#random() < 0.5) return [everyone];
    return [{ ...everyone, selector: { labels: { ring: 'canary' } }, versions: this.#randomVersions() }, everyone];
  }

  #watchLeaders(invariants: Invariants): void {
    invariants.leaders(this.controls.filter(({ leads }) => leads).map(({ name }) => name));
    this.schedule.after(250, () => this.#watchLeaders(invariants));
  }

  #turmoil(): void {
    if (this.#network.isHealed) return;
    const node = this.nodes[this.#pick(this.nodes.length)];
    const control = this.controls[this.#pick(this.controls.length)];
    const what = this.#pick(10);
    if (what <= 1) this.#intent = this.#randomIntent();
    if (what === 2) node.crash();
    if (what === 3) node.restart();
    if (what === 4) node.isSlow = !node.isSlow;
    if (what === 5) node.jump();
    if (what === 6) control.crash();
    if (what === 7) control.restart();
    if (what === 9) node.lose();
    if (what === 8) {
      const name = this.#random() < 0.5 ? node.identity.name : control.name;
      if (!this.#network.cut.delete(name)) this.#network.cut.add(name);
    }
    this.schedule.after(this.#random() * 900, () => this.#turmoil());
  }

  #heal(): void {
    this.#network.isHealed = true;
    this.#network.cut.clear();
    for (const control of this.controls) control.restart();
    for (const node of this.nodes) {
      node.isSlow = false;
      node.restart();
    }
  }

  /** What is not yet as it should be; undefined: the fleet has converged. */
  #difference(): string | undefined {
    const { value } = this.store.desired.entry;
    if (JSON.stringify(value?.placements) !== JSON.stringify(this.#intent))
      return 'nobody wrote what the operator wants';
    for (const node of this.nodes) {
      const { identity, state, memory } = node;
      const { name } = identity;
      if (value === undefined || state.epoch !== value.epoch)
        return `${name} acts on ${state.epoch}, not ${value?.epoch}`;
      const wanted = versionsFor(value, identity);
      const loadable = wanted.filter(({ digest }) => !this.#broken.has(digest));
      const serves = (each: DesiredVersion): boolean => state.table.includes(each) || holdsSame(state.table, each);
      const missing = loadable.some(({ role }) => role === 'champion')
        ? loadable.find((each) => !serves(each))
        : undefined;
      if (missing !== undefined) return `${name} does not serve version ${missing.version}`;
      if (wanted.length === 0 && state.table.length > 0) return `${name} serves what nobody wants`;
      const judgement = node.judgement();
      const isBroken = loadable.length < wanted.length;
      const right = isBroken ? 'failed' : 'converged';
      if (judgement !== undefined && judgement.verdict !== right)
        return `${name} is ${judgement.verdict}, not ${right}`;
      const ready = state.copies.filter(({ phase }) => phase === 'ready').length;
      if (memory.size !== ready) return `${name} has ${memory.size} versions in memory, ${ready} of them ready`;
    }
    return undefined;
  }
}

function holdsSame(table: readonly DesiredVersion[], { digest, weight, role }: DesiredVersion): boolean {
  return table.some((each) => each.digest === digest && each.weight === weight && each.role === role);
}
