import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { correctedPValues } from '../../../../control-plane/drift/statistics/correction.js';
import { absent, MEASURES, measured } from '../../../../control-plane/drift/statistics/measurement.js';
import {
  chunkThresholds,
  DEFAULT_THRESHOLDS,
  judge,
  judgeByChunks,
  judgeDataSet,
} from '../../../../control-plane/drift/statistics/verdict.js';
import { assertClose, fixture } from './parity-fixture.js';

const ENOUGH = 100;

test("corrected p-values are statsmodels'", () => {
  const list = z.array(z.number());
  const lists = fixture('corrections.json', z.array(z.object({ p: list, holm: list, bh: list })));
  assert.ok(lists.length > 3);
  for (const { p, holm, bh } of lists) {
    for (const [correction, expected] of [
      ['holm', holm],
      ['benjaminiHochberg', bh],
      ['none', p],
    ] as const) {
      for (const [i, value] of correctedPValues(p, correction).entries()) assertClose(value, expected[i], correction);
    }
  }
  assert.deepEqual(correctedPValues([], 'holm'), []);
});

test('Kolmogorov-Smirnov alerts on its limit, the other tests below it, distances from it on', () => {
  const verdict = (measure: (typeof MEASURES)[number], value: number, p?: number): string =>
    judge({
      measurement: measured(value, p === undefined ? {} : { p }),
      threshold: DEFAULT_THRESHOLDS[measure],
      samples: ENOUGH,
    }).verdict;
  assert.equal(verdict('kolmogorovSmirnov', 0.2, 0.05), 'drift');
  assert.equal(verdict('chiSquared', 9, 0.05), 'ok');
  assert.equal(verdict('chiSquared', 9, 0.049), 'drift');
  assert.equal(verdict('psi', 0.1), 'drift');
  assert.equal(verdict('psi', 0.0999), 'ok');
  assert.equal(verdict('nullRate', -0.3, 1e-9), 'drift', 'a rate that fell has changed too');
  assert.deepEqual(Object.keys(DEFAULT_THRESHOLDS).sort(), [...MEASURES].sort());
});

test('no data is a verdict of its own: empty windows, no reference, too few rows', () => {
  const threshold = DEFAULT_THRESHOLDS.psi;
  assert.deepEqual(judge({ measurement: absent('noData'), threshold, samples: 0 }), {
    verdict: 'noData',
    reason: 'noData',
  });
  assert.deepEqual(judge({ measurement: absent('noReference'), threshold, samples: 0 }), {
    verdict: 'noData',
    reason: 'noReference',
  });
  assert.deepEqual(judge({ measurement: measured(5), threshold, samples: 29 }), {
    verdict: 'noData',
    reason: 'fewSamples',
  });
  assert.equal(judge({ measurement: measured(5), threshold, samples: 29, least_samples: 5 }).verdict, 'drift');
  assert.equal(judge({ measurement: absent('constant'), threshold, samples: ENOUGH }).verdict, 'ok');
});

test('a corrected p-value decides instead of the raw one', () => {
  const threshold = DEFAULT_THRESHOLDS.chiSquared;
  const measurement = measured(9, { p: 0.01 });
  assert.equal(judge({ measurement, threshold, samples: ENOUGH }).verdict, 'drift');
  assert.equal(judge({ measurement, threshold, samples: ENOUGH, corrected_p: 0.2 }).verdict, 'ok');
});

test('a data set drifts when half of the columns that have a verdict do', () => {
  const [ok, drift, noData] = [{ verdict: 'ok' }, { verdict: 'drift' }, { verdict: 'noData' }] as const;
  assert.equal(judgeDataSet([ok, drift, noData, noData]).verdict, 'drift');
  assert.equal(judgeDataSet([ok, ok, drift]).verdict, 'ok');
  assert.equal(judgeDataSet([noData]).verdict, 'noData');
  assert.equal(judgeDataSet([]).verdict, 'noData');
  assert.deepEqual(judgeDataSet([ok, drift, drift], 0.9), { verdict: 'ok', drifted: 2, judged: 3, share: 2 / 3 });
});

test('thresholds of chunks are three population deviations from the mean, within the limits of the measure', () => {
  assert.deepEqual(chunkThresholds([1, 3]), { low: -1, high: 5 });
  assert.deepEqual(chunkThresholds([1, 3], { least: 0, most: 4 }), { low: 0, high: 4 });
  assert.equal(chunkThresholds([]), undefined);
  assert.equal(judgeByChunks(5.1, { low: 0, high: 5 }).verdict, 'drift');
  assert.equal(judgeByChunks(5, { low: 0, high: 5 }).verdict, 'ok');
});
