import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../harness/seeded-random.js';
import { HOUR_MS, LabelRig, type Logged, START_MS } from './label-rig.js';

/** `LABEL_SEED=… node --test …` replays one history. */
const SEEDS = process.env['LABEL_SEED'] === undefined ? [1, 2, 3, 4] : [Number(process.env['LABEL_SEED'])];
const REQUESTS = 60;
const ENTITIES = 6;

interface Given {
  readonly request_id?: string;
  readonly entity_key?: string;
  readonly model: string;
  readonly ts?: string;
  readonly label: boolean;
  readonly version: number;
}

interface History {
  readonly predictions: readonly Required<Pick<Logged, 'request_id' | 'ts_ms' | 'score' | 'entity_key' | 'share'>>[];
  readonly labels: readonly Given[];
}

/** Predictions of requests and of entities; labels of some of them, repeated and corrected, and of requests that never come. */
function historyOf(random: () => number): History {
  const below = (n: number) => Math.floor(random() * n);
  const predictions = Array.from({ length: REQUESTS }, (_, i) => ({
    request_id: `r${i}`,
    entity_key: i % 2 === 0 ? '' : `e${below(ENTITIES)}`,
    // A microsecond of its own for each: which of two at one moment is the latest would be anybody's guess.
    ts_ms: START_MS + below(4 * HOUR_MS) + i / 1000,
    score: (below(1000) + 0.5) / 1000,
    share: random() < 0.5 ? 1 : 0.25,
  }));
  const labels: Given[] = [];
  for (let version = 1; version <= 3; version++) {
    for (let i = 0; i < REQUESTS + 10; i++) {
      if (random() < 0.4) labels.push({ request_id: `r${i}`, model: 'binary', label: random() < 0.5, version });
    }
    for (let i = 0; i < 30; i++) {
      const ts = new Date(START_MS + (i * 8 * HOUR_MS) / 60).toISOString();
      if (random() < 0.4) {
        labels.push({ entity_key: `e${i % ENTITIES}`, ts, model: 'binary', label: random() < 0.5, version });
      }
    }
  }
  return { predictions, labels };
}

/** Slow and obvious: all of the history at once. */
function expected({ predictions, labels }: History): Map<number, [n: number, positives: number, negatives: number]> {
  const winners = new Map<string, Given>();
  for (const label of labels) {
    const key = `${label.request_id} ${label.entity_key} ${label.ts}`;
    const known = winners.get(key);
    if (known === undefined || label.version > known.version) winners.set(key, label);
  }
  const cells = new Map<number, [number, number, number]>();
  for (const { request_id, entity_key, ts, label } of winners.values()) {
    const candidates =
      request_id === undefined
        ? predictions.filter((each) => each.entity_key === entity_key && each.ts_ms <= Date.parse(ts ?? ''))
        : predictions.filter((each) => each.request_id === request_id);
    const [prediction] = candidates.sort((a, b) => b.ts_ms - a.ts_ms);
    if (prediction === undefined) continue;
    const bin = Math.floor(prediction.score * 1000) + 1;
    const [n, positives, negatives] = cells.get(bin) ?? [0, 0, 0];
    const weight = 1 / prediction.share;
    cells.set(bin, [n + 1, positives + (label ? weight : 0), negatives + (label ? 0 : weight)]);
  }
  return cells;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

function pieces<T>(items: readonly T[], random: () => number): T[][] {
  const out: T[][] = [];
  for (let from = 0; from < items.length; ) {
    const size = 1 + Math.floor(random() * 25);
    out.push(items.slice(from, from + size));
    from += size;
  }
  return out;
}

test('whatever the order of predictions, labels, repetitions and corrections, the sums are those of the whole history', async (t) => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed);
    const rig = await LabelRig.open(t);
    const history = historyOf(random);
    const repeated = [...history.labels, ...history.labels.filter(() => random() < 0.2)];
    const acts = shuffled(
      [
        ...pieces(shuffled(history.predictions, random), random).map((rows) => () => rig.log(rows)),
        ...pieces(shuffled(repeated, random), random).map((labels) => async () => {
          assert.equal((await rig.send(labels)).status, 200);
        }),
      ],
      random,
    );
    let joiner = rig.joiner();
    for (const act of acts) {
      await act();
      if (random() < 0.3) await rig.join(joiner);
      // A process that begins anew knows nothing but what is written down.
      if (random() < 0.2) joiner = rig.joiner();
    }
    await rig.join(joiner);
    const found = new Map(
      (await rig.scores('binary')).map(({ bin, n, positives, negatives }) => [bin, [n, positives, negatives]]),
    );
    const wanted = new Map([...expected(history)].sort(([a], [b]) => a - b));
    assert.deepEqual(found, wanted, `LABEL_SEED=${seed} node --test dist/test/control-plane/labels/any-order.test.js`);
  }
});
