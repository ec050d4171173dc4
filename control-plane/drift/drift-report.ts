import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec, FeatureBins } from '../../contract/bin-spec.js';
import type { RowFilter } from '../log/rows.js';
import { countsInOrder } from '../reference/edges.js';
import { specColumns, type VersionColumns } from '../reference/spec-columns.js';
import { type Bucket, type DriftSeries, driftSeries } from './drift-series.js';
import { coarseShares, type FeatureDrift, judgedFeatures, type Measured } from './judged-features.js';
import type { MultivariateAnswers } from './multivariate-methods.js';
import { measureBinned } from './statistics/binned.js';
import type { Extremes } from './statistics/binned-distance.js';
import type { Correction } from './statistics/correction.js';
import { evidentlyChoice } from './statistics/evidently.js';
import { featureCounts } from './statistics/feature-counts.js';
import { type DataSetVerdict, DEFAULT_THRESHOLDS, judgeDataSet } from './statistics/verdict.js';
import type { Span } from './window-before.js';
import { type WindowCounts, windowCounts } from './window-counts.js';
import { widest, windowExtremes } from './window-extremes.js';

export interface DriftRequest extends RowFilter {
  /** Another window that stands for the reference, counted over the reference's bins; undefined: the frozen counts. */
  readonly against?: Span | undefined;
  readonly least_samples: number;
  /** Tell as well how it went, hour by hour or day by day. */
  readonly bucket?: Bucket | undefined;
  readonly correction: Correction;
}

export interface Sampled {
  readonly rows: number;
  readonly of: number;
}

export interface DriftReport {
  readonly model: string;
  readonly reference_id: number;
  readonly from: string;
  readonly to: string;
  /** Which window stands for the reference; undefined: the frozen one. */
  readonly against?: { readonly from: string; readonly to: string };
  readonly verdict: DataSetVerdict;
  /** Most drifted first. */
  readonly features: readonly FeatureDrift[];
  /** Where the counts came from. Not in exact mode. */
  readonly source?: { readonly state_hours: number; readonly counted_spans: number };
  /** In exact mode: rows that were taken, and how many there are. */
  readonly sample?: { readonly reference: Sampled; readonly current: Sampled };
  readonly multivariate?: MultivariateAnswers;
  readonly series?: DriftSeries;
}

/** Compares a window of the log with a frozen reference. Throws MODEL_NOT_FOUND, and INVALID_REQUEST where the model's features are others now. */
export async function driftReport(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  request: DriftRequest,
): Promise<DriftReport> {
  const { counts, extremes, versions, ...source } = await windowOf(client, database, spec, request);
  const { against, bucket } = request;
  const before = against === undefined ? undefined : await windowOf(client, database, spec, { ...request, ...against });
  const sides = spec.features.map(
    (bins, i): FeatureSides => ({
      bins,
      reference: before === undefined ? bins.reference : countsInOrder(bins, before.counts[i]),
      current: countsInOrder(bins, counts[i]),
      extremes: widest(extremes[i], before?.extremes[i]),
    }),
  );
  const measured = sides.map(measuredFeature);
  const compared = sides.map(({ reference, extremes }, i) => ({ measure: measured[i].measure, reference, extremes }));
  const asked = { filter: request, versions, features: compared, least_samples: request.least_samples };
  const series = bucket === undefined ? undefined : await driftSeries(client, database, spec, { ...asked, bucket });
  const features = judgedFeatures(measured, request);
  return {
    model: request.model,
    reference_id: spec.spec_id,
    ...spanText(request),
    ...(against === undefined ? {} : { against: spanText(against) }),
    verdict: judgeDataSet(features),
    features,
    source,
    ...(series === undefined ? {} : { series }),
  };
}

interface Window extends WindowCounts {
  readonly extremes: readonly (Extremes | undefined)[];
  readonly versions: VersionColumns;
}

async function windowOf(client: ClickHouseClient, database: string, spec: BinSpec, filter: RowFilter): Promise<Window> {
  const versions = await specColumns(client, database, spec, filter);
  const [counts, extremes] = await Promise.all([
    windowCounts(client, database, spec, versions, filter),
    windowExtremes(client, database, versions, filter),
  ]);
  return { ...counts, extremes, versions };
}

export function spanText({ from_ms, to_ms }: Span): { readonly from: string; readonly to: string } {
  return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
}

interface FeatureSides {
  readonly bins: FeatureBins;
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly extremes: Extremes | undefined;
}

function measuredFeature({ bins, reference, current, extremes }: FeatureSides): Measured {
  const measures = measureBinned({ bins, current, reference, ...(extremes === undefined ? {} : { extremes }) });
  const [before, now] = [featureCounts(bins, reference), featureCounts(bins, current)];
  const distinct = before.fine.filter((n, i) => n > 0 || now.fine[i] > 0).length;
  const choice = evidentlyChoice(bins.kind, before.n, distinct);
  // Two proportions exist only where two categories occur at all.
  const measure = measures[choice] === undefined ? 'jensenShannon' : choice;
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
