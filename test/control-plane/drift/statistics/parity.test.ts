import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  type Comparison,
  compareCategorical,
  compareNumeric,
} from '../../../../control-plane/drift/statistics/evidently.js';
import { kolmogorovPValue } from '../../../../control-plane/drift/statistics/kolmogorov-p-value.js';
import {
  type NannyMlMeasures,
  nannyMlCategorical,
  nannyMlNumeric,
} from '../../../../control-plane/drift/statistics/nannyml.js';
import { categoricalSample, numericSample } from '../../../../control-plane/drift/statistics/sample.js';
import {
  type Answers,
  assertClose,
  assertMeasure,
  type Column,
  fixture,
  numbers,
  texts,
  univariateFixture,
} from './parity-fixture.js';

const CHOICES: Readonly<Record<string, string>> = {
  ks: 'kolmogorovSmirnov',
  wasserstein: 'wassersteinNormed',
  jensenshannon: 'jensenShannon',
  chisquare: 'chiSquared',
  z: 'proportions',
};

function compare({ kind, integer, reference, current }: Column): Comparison {
  if (kind === 'categorical')
    return compareCategorical(categoricalSample(texts(reference)), categoricalSample(texts(current)));
  return compareNumeric(numericSample(numbers(reference)), numericSample(numbers(current)), integer);
}

function compareAsNannyMl({ kind, reference, current }: Column): NannyMlMeasures {
  if (kind === 'categorical')
    return nannyMlCategorical(categoricalSample(texts(reference)), categoricalSample(texts(current)));
  return nannyMlNumeric(numericSample(numbers(reference)).sorted, numericSample(numbers(current)).sorted);
}

function assertEvidently({ choice, measures }: Comparison, answers: Answers): void {
  if (Object.keys(answers).length === 0) {
    assert.equal(measures.psi?.absence, 'noData');
    return;
  }
  assert.equal(choice, CHOICES[String(answers.choice)], 'choice');
  assertMeasure(measures.psi, 'value', answers.psi, 'psi');
  assertMeasure(measures.jensenShannon, 'value', answers.jensenshannon, 'Jensen-Shannon');
  assertMeasure(measures.hellinger, 'value', answers.hellinger, 'Hellinger');
  assertMeasure(measures.wassersteinNormed, 'value', answers.wasserstein, 'normed Wasserstein');
  assertMeasure(measures.kolmogorovSmirnov, 'p', answers.ks, 'Kolmogorov-Smirnov p');
  assertMeasure(measures.chiSquared, 'p', answers.chisquare, 'chi-squared p');
  assertMeasure(measures.proportions, 'p', answers.z, 'z p');
}

function assertNannyMl(measures: NannyMlMeasures, answers: Answers): void {
  assertMeasure(measures.jensenShannon, 'value', answers.jensen_shannon, 'Jensen-Shannon');
  assertMeasure(measures.hellinger, 'value', answers.hellinger, 'Hellinger');
  assertMeasure(measures.kolmogorovSmirnov, 'value', answers.kolmogorov_smirnov, 'Kolmogorov-Smirnov');
  assertMeasure(measures.wasserstein, 'value', answers.wasserstein, 'Wasserstein');
  assertMeasure(measures.lInfinity, 'value', answers.l_infinity, 'L-infinity');
  assertMeasure(measures.chiSquared, 'value', answers.chi2, 'chi-squared');
  assertMeasure(measures.chiSquared, 'p', answers.chi2_p, 'chi-squared p');
}

for (const { column, answers } of univariateFixture()) {
  test(`${column.name}: as scipy and Evidently say`, () => {
    const comparison = compare(column);
    assertMeasure(comparison.measures.kolmogorovSmirnov, 'value', answers.scipy.ks, 'D');
    assertMeasure(comparison.measures.kolmogorovSmirnov, 'p', answers.scipy.ks_p, 'p of D');
    assertMeasure(comparison.measures.wasserstein, 'value', answers.scipy.wasserstein, 'Wasserstein');
    assertEvidently(comparison, answers.evidently);
  });

  test(`${column.name}: as NannyML says`, () => {
    assertNannyMl(compareAsNannyMl(column), answers.nannyml);
  });
}

test("p-values of D are scipy's, from one value a side to millions", () => {
  const row = z.object({ n: z.number(), m: z.number(), d: z.number(), p: z.number() });
  const rows = fixture('kolmogorov.json', z.array(row));
  assert.ok(rows.length > 90);
  for (const { n, m, d, p } of rows) assertClose(kolmogorovPValue(d, n, m), p, `D ${d} of ${n} and ${m}`);
});
