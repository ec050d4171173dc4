import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec, FeatureBins } from '../../contract/bin-spec.js';
import type { RowFilter } from '../log/rows.js';
import { countsInOrder } from '../reference/edges.js';
import { specColumns } from '../reference/spec-columns.js';
import { type Measurements, measureBinned } from './statistics/binned.js';
import { type Correction, correctedPValues } from './statistics/correction.js';
import { evidentlyChoice } from './statistics/evidently.js';
import { featureCounts } from './statistics/feature-counts.js';
import { isMeasured, type Measure } from './statistics/measurement.js';
import {
  type DataSetVerdict,
  DEFAULT_THRESHOLDS,
  type Judged,
  judge,
  judgeDataSet,
  type Threshold,
} from './statistics/verdict.js';
import { type Span, windowCounts } from './window-counts.js';

export interface DriftRequest extends RowFilter {
  /** Another window that stands for the reference, counted over the reference's bins; undefined: the frozen counts. */
  readonly against?: Span | undefined;
  readonly least_samples: number;
  readonly correction: Correction;
}

export interface FeatureDrift extends Judged {
  readonly feature: string;
  readonly kind: 'numeric' | 'categorical';
  /** The measure that the verdict rests on: Evidently's choice for so many rows of such a kind. */
  readonly measure: Measure;
  readonly threshold: Threshold;
  readonly samples: { readonly reference: number; readonly current: number };
  /** Shares by coarse bin, below and above included: what a picture shows. */
  readonly shares: { readonly reference: readonly number[]; readonly current: readonly number[] };
  readonly measures: Measurements;
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
  /** Where the counts came from. */
  readonly source: { readonly state_hours: number; readonly counted_spans: number };
}

/** Compares a window of the log with a frozen reference. Throws MODEL_NOT_FOUND, and INVALID_REQUEST where the model's features are others now. */
export async function driftReport(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  request: DriftRequest,
): Promise<DriftReport> {
  const columns = await specColumns(client, database, spec, request);
  const { counts, ...source } = await windowCounts(client, database, spec, columns, request);
  const { against } = request;
  const before = against === undefined ? undefined : await countsOf(client, database, spec, { ...request, ...against });
  const measured = spec.features.map((bins, i) =>
    measuredFeature(
      bins,
      before === undefined ? bins.reference : countsInOrder(bins, before[i]),
      countsInOrder(bins, counts[i]),
    ),
  );
  const corrected = correctedP(measured, request.correction);
  const features = measured.map((one, i): FeatureDrift => {
    const samples = Math.min(one.samples.reference, one.samples.current);
    const measurement = one.measures[one.measure];
    if (measurement === undefined) throw new RangeError(`${one.feature}: ${one.measure} was not measured`);
    const p = corrected.get(i);
    const judged = judge({
      measurement,
      threshold: one.threshold,
      samples,
      least_samples: request.least_samples,
      ...(p === undefined ? {} : { corrected_p: p }),
    });
    return { ...one, ...judged };
  });
  return {
    model: request.model,
    reference_id: spec.spec_id,
    ...spanText(request),
    ...(against === undefined ? {} : { against: spanText(against) }),
    verdict: judgeDataSet(features),
    features: features.toSorted((a, b) => severity(b) - severity(a)),
    source,
  };
}

async function countsOf(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
): Promise<readonly ReadonlyMap<number, number>[]> {
  const versions = await specColumns(client, database, spec, filter);
  return (await windowCounts(client, database, spec, versions, filter)).counts;
}

function spanText({ from_ms, to_ms }: Span): { readonly from: string; readonly to: string } {
  return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
}

type Measured = Omit<FeatureDrift, 'verdict' | 'reason'>;

function measuredFeature(bins: FeatureBins, reference: readonly number[], current: readonly number[]): Measured {
  const measures = measureBinned({ bins, current, reference });
  const [before, now] = [featureCounts(bins, reference), featureCounts(bins, current)];
  const distinct = before.fine.filter((n, i) => n > 0 || now.fine[i] > 0).length;
  const choice = evidentlyChoice(bins.kind, before.n, distinct);
  // Two proportions exist only where two categories occur at all.
  const measure = measures[choice] === undefined ? 'jensenShannon' : choice;
  const share = (counts: Float64Array, n: number) => Array.from(counts, (count) => (n === 0 ? 0 : count / n));
  return {
    feature: bins.feature,
    kind: bins.kind,
    measure,
    threshold: DEFAULT_THRESHOLDS[measure],
    samples: { reference: before.n, current: now.n },
    shares: { reference: share(before.coarse, before.n), current: share(now.coarse, now.n) },
    measures,
  };
}

/** Corrects the p-values of those features that are judged by one, together. */
function correctedP(features: readonly Measured[], correction: Correction): ReadonlyMap<number, number> {
  const tested = features.flatMap(({ measure, measures, threshold }, i) => {
    const measurement = measures[measure];
    const p = measurement !== undefined && isMeasured(measurement) && threshold.by === 'p' ? measurement.p : undefined;
    return p === undefined ? [] : [{ i, p }];
  });
  const corrected = correctedPValues(
    tested.map(({ p }) => p),
    correction,
  );
  return new Map(tested.map(({ i }, k) => [i, corrected[k]]));
}

/** How far beyond its threshold a feature is: 1 is at it. */
function severity({ measure, measures, threshold }: FeatureDrift): number {
  const measurement = measures[measure];
  if (measurement === undefined || !isMeasured(measurement)) return -1;
  if (threshold.by === 'value') return Math.abs(measurement.value) / threshold.limit;
  return threshold.limit / Math.max(measurement.p ?? 1, 1e-12);
}
