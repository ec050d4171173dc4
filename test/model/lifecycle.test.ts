import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_LIFECYCLE, type Lifecycle, type LifecycleEvent, routes, step } from '../../runtime/model/lifecycle.js';

function after(...events: readonly LifecycleEvent[]): Lifecycle {
  return events.reduce((state, event) => step(state, event).state, EMPTY_LIFECYCLE);
}

const READY_1: readonly LifecycleEvent[] = [
  { type: 'want', versions: [1] },
  { type: 'offer', handle: 1, version: 1 },
  { type: 'load', handle: 1 },
  { type: 'loaded', handle: 1 },
];

test('the old version answers until the new one has loaded, then it is drained', () => {
  const loading = after(
    ...READY_1,
    { type: 'want', versions: [2] },
    { type: 'offer', handle: 2, version: 2 },
    { type: 'load', handle: 2 },
  );
  assert.equal(routes(loading).byDefault?.handle, 1);
  const { state, effects } = step(loading, { type: 'loaded', handle: 2 });
  assert.equal(routes(state).byDefault?.handle, 2);
  assert.equal(routes(state).byVersion.has(1), false);
  assert.deepEqual(effects, [{ type: 'drain', handle: 1 }]);
  const drained = step(state, { type: 'drained', handle: 1 });
  assert.deepEqual(drained.effects, [{ type: 'unload', handle: 1 }]);
  const unloaded = step(drained.state, { type: 'unloaded', handle: 1 });
  assert.deepEqual(unloaded.effects, [{ type: 'forget', handle: 1 }]);
  assert.deepEqual(
    unloaded.state.generations.map(({ handle }) => handle),
    [2],
  );
});

test('a new version that does not load changes nothing for requests', () => {
  const { state, effects } = step(
    after(
      ...READY_1,
      { type: 'want', versions: [2] },
      { type: 'offer', handle: 2, version: 2 },
      { type: 'load', handle: 2 },
    ),
    { type: 'load-failed', handle: 2 },
  );
  assert.deepEqual(effects, [{ type: 'forget', handle: 2 }]);
  assert.equal(routes(state).byDefault?.handle, 1);
});

test('a reload of one version switches from the old generation to the new one', () => {
  const loading = after(...READY_1, { type: 'offer', handle: 2, version: 1 }, { type: 'load', handle: 2 });
  assert.equal(routes(loading).byVersion.get(1)?.handle, 1);
  assert.equal(routes(step(loading, { type: 'loaded', handle: 2 }).state).byVersion.get(1)?.handle, 2);
});

test('a request that meets a version on its way out of memory brings it back', () => {
  const demanded = after(...READY_1, { type: 'evict', handle: 1 }, { type: 'load', handle: 1 });
  assert.equal(demanded.generations[0].phase, 'evicting');
  assert.equal(step(demanded, { type: 'evicted', handle: 1 }).state.generations[0].phase, 'loading');
});

test('what is retired while requests wait for its load is loaded, drained, and only then ends', () => {
  const waiting = after(
    ...READY_1.slice(0, 2),
    { type: 'defer', handle: 1 },
    { type: 'load', handle: 1 },
    { type: 'want', versions: [] },
  );
  assert.equal(waiting.generations[0].phase, 'loading');
  assert.deepEqual(step(waiting, { type: 'loaded', handle: 1 }).effects, [{ type: 'drain', handle: 1 }]);
});

type Move =
  | { readonly type: 'want'; readonly versions: number[] }
  | { readonly type: 'offer'; readonly version: number }
  | { readonly type: 'news'; readonly news: Exclude<LifecycleEvent['type'], 'want' | 'offer'>; readonly pick: number }
  | { readonly type: 'request'; readonly version: number }
  | { readonly type: 'answer'; readonly pick: number };

const version = fc.integer({ min: 1, max: 3 });
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ type: fc.constant('want' as const), versions: fc.uniqueArray(version, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('offer' as const), version }),
  fc.record({
    type: fc.constant('news' as const),
    news: fc.constantFrom('defer', 'load', 'loaded', 'load-failed', 'evict', 'evicted', 'drained', 'unloaded'),
    pick: fc.nat(20),
  }),
  fc.record({ type: fc.constant('request' as const), version: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ type: fc.constant('answer' as const), pick: fc.nat(20) }),
);

/** A host and its callers as the machine must treat them: who waits for what, and what is where. */
class World {
  state: Lifecycle = EMPTY_LIFECYCLE;
  readonly waiting = new Map<number, number>();
  readonly inMemory = new Set<number>();
  readonly announced = new Set<number>();
  #next = 1;

  play(move: Move): void {
    if (move.type === 'want') this.#apply(move);
    else if (move.type === 'offer') this.#apply({ type: 'offer', handle: this.#next++, version: move.version });
    else if (move.type === 'request') this.#request(move.version);
    else if (move.type === 'answer') this.#answer(move.pick);
    else this.#news(move.news, 1 + (move.pick % this.#next));
    this.#check();
  }

  #news(type: Exclude<LifecycleEvent['type'], 'want' | 'offer'>, handle: number): void {
    const busy = (this.waiting.get(handle) ?? 0) > 0;
    // A host says that it has drained when nothing waits, and nobody busy is chosen for eviction.
    if ((type === 'drained' || type === 'evict') && busy) return;
    const phase = this.state.generations.find((generation) => generation.handle === handle)?.phase;
    if (type === 'loaded' && phase === 'loading') this.inMemory.add(handle);
    if ((type === 'evicted' && phase === 'evicting') || (type === 'unloaded' && phase === 'unloading'))
      this.inMemory.delete(handle);
    this.#apply({ type, handle }, type === 'load-failed' ? handle : 0);
  }

  #request(number: number): void {
    const { byDefault, byVersion } = routes(this.state);
    const generation = number === 0 ? byDefault : byVersion.get(number);
    if (generation === undefined) return;
    const { handle, phase } = generation;
    assert.ok(this.announced.has(handle), 'a request was routed to what is not announced');
    this.waiting.set(handle, (this.waiting.get(handle) ?? 0) + 1);
    if (phase === 'lazy' || phase === 'evicting') this.#apply({ type: 'load', handle });
  }

  #answer(pick: number): void {
    const handle = 1 + (pick % this.#next);
    if (!this.inMemory.has(handle)) return;
    this.waiting.set(handle, Math.max(0, (this.waiting.get(handle) ?? 0) - 1));
  }

  /** `failing`: the one generation whose requests may be failed by this event. */
  #apply(event: LifecycleEvent, failing = 0): void {
    const { state, effects } = step(this.state, event);
    this.state = state;
    for (const { type, handle } of effects) {
      const waiting = this.waiting.get(handle) ?? 0;
      if (type === 'announce') this.announced.add(handle);
      if (type === 'unload') assert.equal(waiting, 0, `handle ${handle} is unloaded while ${waiting} requests wait`);
      if (type !== 'forget') continue;
      assert.ok(!this.inMemory.has(handle), `handle ${handle} is forgotten in memory`);
      if (handle !== failing) assert.equal(waiting, 0, `handle ${handle} is forgotten while ${waiting} requests wait`);
      this.announced.delete(handle);
      this.waiting.delete(handle);
    }
  }

  #check(): void {
    const { byDefault, byVersion } = routes(this.state);
    for (const [number, generation] of byVersion) assert.equal(generation.version, number);
    assert.equal(byDefault === undefined, byVersion.size === 0);
    if (byDefault !== undefined) {
      assert.equal(byVersion.get(byDefault.version), byDefault);
      const proven = [...byVersion.values()]
        .filter((generation) => generation.proven)
        .map((generation) => generation.version);
      if (proven.length > 0) assert.equal(byDefault.version, Math.max(...proven));
    }
    assert.deepEqual(new Set(this.state.generations.map(({ handle }) => handle)), this.announced);
  }
}

test('in whatever order things happen there is one default, nobody busy is unloaded, and only failed loads fail requests', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
      const world = new World();
      for (const next of moves) world.play(next);
    }),
    { numRuns: 2000 },
  );
});

test('whatever happened, once nothing is wanted and the host has done its part nothing is left', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const world = new World();
      for (const next of moves) world.play(next);
      let { state } = step(world.state, { type: 'want', versions: [] });
      for (let round = 0; round < 5; round++) {
        for (const { handle } of state.generations) {
          for (const type of ['loaded', 'evicted', 'loaded', 'drained', 'unloaded'] as const)
            state = step(state, { type, handle }).state;
        }
      }
      assert.deepEqual(state.generations, []);
    }),
  );
});
