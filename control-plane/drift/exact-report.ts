import type { ClickHouseClient } from '../../clickhouse/connection.js';
import {
  type BinSpec,
  binCount,
  CLASS_FEATURE,
  type FeatureBins,
  numericBin,
  SCORE_FEATURE,
} from '../../contract/bin-spec.js';
import type { RowFilter } from '../log/rows.js';
import { type RowSample, rowSample } from '../reference/row-sample.js';
import { columnGroups, specColumns } from '../reference/spec-columns.js';
import { type DriftReport, type DriftRequest, spanText } from './drift-report.js';
import { coarseShares, judgedFeatures, type Measured } from './judged-features.js';
import type { Method, MultivariateAnswers } from './multivariate-methods.js';
import { inThread } from './multivariate-pool.js';
import { compareCategorical, compareNumeric } from './statistics/evidently.js';
import { featureCounts } from './statistics/feature-counts.js';
import type { FeatureColumn } from './statistics/feature-matrix.js';
import { categoricalSample, numericSample } from './statistics/sample.js';
import { DEFAULT_THRESHOLDS, judgeDataSet } from './statistics/verdict.js';

export interface ExactRequest extends DriftRequest {
  /** Rows of the log that are the reference. */
  readonly reference_rows: RowFilter;
  /** Most rows of a side. */
  readonly rows: number;
  /** How all features are compared together; none: not at all. */
  readonly methods: readonly Method[];
}

/** Values of one side that are held at a time, at most. */
const MOST_VALUES = 4_000_000;

type Values = RowSample['columns'][number];

/** Compares rows with rows, as scipy and Evidently would: all of a small window, a sample of a large one. Throws as `driftReport`. */
export async function exactReport(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  request: ExactRequest,
): Promise<DriftReport> {
  const limit = Math.max(1, Math.min(request.rows, Math.floor(MOST_VALUES / spec.features.length)));
  const side = async (filter: RowFilter) => {
    const groups = columnGroups(await specColumns(client, database, spec, filter), filter);
    return rowSample(client, database, groups, filter, limit);
  };
  const reference = await side(request.reference_rows);
  const current = await side(request);
  const measured: Measured[] = [];
  for (const [i, bins] of spec.features.entries()) {
    measured.push(comparedFeature(bins, reference.columns[i], current.columns[i]));
    // A p-value may count millions of paths: other requests go in between.
    await new Promise(setImmediate);
  }
  const features = judgedFeatures(measured, request);
  const { against, methods } = request;
  const multivariate = methods.length === 0 ? undefined : await together(spec, reference, current, request);
  return {
    model: request.model,
    reference_id: spec.spec_id,
    ...spanText(request),
    ...(against === undefined ? {} : { against: spanText(against) }),
    verdict: judgeDataSet(features),
    features,
    sample: { reference: sizes(reference), current: sizes(current) },
    ...(multivariate === undefined ? {} : { multivariate }),
  };
}

function sizes({ rows, of }: RowSample): { readonly rows: number; readonly of: number } {
  return { rows, of };
}

function comparedFeature(bins: FeatureBins, reference: Values, current: Values): Measured {
  const { choice, measures } =
    bins.kind === 'numeric'
      ? compareNumeric(numericSample(reference.map(Number)), numericSample(current.map(Number)))
      : compareCategorical(categoricalSample(named(reference)), categoricalSample(named(current)));
  // Of a column without any value there are no proportions.
  const measure = measures[choice] === undefined ? 'jensenShannon' : choice;
  const [before, now] = [reference, current].map((values) => featureCounts(bins, counted(bins, values)));
  return {
    feature: bins.feature,
    kind: bins.kind,
    measure,
    threshold: DEFAULT_THRESHOLDS[measure],
    samples: { reference: before.n, current: now.n },
    shares: { reference: coarseShares(before), current: coarseShares(now) },
    measures,
  };
}

/** In the log an empty category is one that was not given. */
function named(values: Values): (string | null)[] {
  return values.map((value) => (value === '' ? null : String(value)));
}

function counted(bins: FeatureBins, values: Values): Float64Array {
  const counts = new Float64Array(binCount(bins));
  const places = bins.kind === 'numeric' ? undefined : new Map(bins.categories.map((name, i) => [name, 2 + i]));
  for (const value of values) {
    if (bins.kind === 'numeric') counts[numericBin(bins.edges, Number(value))]++;
    else counts[value === '' ? 0 : (places?.get(String(value)) ?? 1)]++;
  }
  return counts;
}

/** Of the features alone: score and class follow from them. */
function together(
  spec: BinSpec,
  reference: RowSample,
  current: RowSample,
  { methods, least_samples }: ExactRequest,
): Promise<MultivariateAnswers> {
  const features = spec.features.flatMap(({ feature, kind }, i) =>
    feature === SCORE_FEATURE || feature === CLASS_FEATURE ? [] : [{ name: feature, kind, i }],
  );
  const columns = (sample: RowSample) =>
    features.map(({ name, kind, i }): FeatureColumn => {
      const values = sample.columns[i];
      return { name, kind, values: kind === 'numeric' ? values.map(Number) : named(values) };
    });
  return inThread({ methods, reference: columns(reference), current: columns(current), least_samples });
}
