import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import type { MonitorSpec } from '../../contract/monitor.js';
import { nearestName } from '../../std/nearest-name.js';
import { type DriftReport, driftReport } from '../drift/drift-report.js';
import { type Span, windowBefore } from '../drift/window-before.js';
import { layoutsOf } from '../log/layouts.js';
import { anyRowConditions, type RowFilter, rowConditions } from '../log/rows.js';
import type { Metric } from '../performance/metrics/score-histogram.js';
import { Performance } from '../performance/performance-report.js';
import { References } from '../reference/references.js';
import type { Reading } from './rule.js';

/** A reading, with what somebody needs to see it again. */
export interface Evidenced extends Reading {
  readonly evidence: Evidence;
}

export interface Evidence {
  readonly from: string;
  readonly to: string;
  /** Path of the API that answers the same question; undefined where there is none. */
  readonly path?: string;
  /** The statement that was run; undefined where a path says more. */
  readonly sql?: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

const ErrorsSchema = z.array(z.object({ failed: z.coerce.number(), all: z.coerce.number() }));
const LatencySchema = z.array(z.object({ us: z.number().nullable(), all: z.coerce.number() }));

/** Asks what a monitor watches, for the window that ends at `end_ms`. Throws what names the mistake where it cannot be asked: a feature that is gone, a model of another task. */
export class Readings {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  async read(spec: MonitorSpec, end_ms: number): Promise<Evidenced> {
    const { model, version, variant, node, segment, watch } = spec;
    await layoutsOf(this.#client, this.#database, model);
    const filter = { model, version, variant, node, segment, from_ms: end_ms - spec.window, to_ms: end_ms };
    if (watch.drift !== undefined) return driftShare(await this.#drift(spec, filter), watch.drift.features, filter);
    if (watch.feature !== undefined) return featureMeasure(await this.#drift(spec, filter), watch.feature, filter);
    if (watch.performance !== undefined) return this.#performance(spec, filter, 'metrics', watch.performance);
    if (watch.estimated !== undefined) return this.#performance(spec, filter, 'estimated', watch.estimated);
    if (watch.errors !== undefined) return this.#errors(filter);
    if (watch.latency_ms !== undefined) return this.#latency(filter, watch.latency_ms);
    return this.#throughput(filter);
  }

  async #drift({ reference, min_samples }: MonitorSpec, filter: RowFilter): Promise<DriftReport> {
    const references = new References(this.#client, this.#database);
    const all = await references.list(filter.model);
    const wanted = typeof reference === 'number' ? reference : all[0]?.reference_id;
    if (wanted === undefined) {
      throw new TidegateError(
        'NOT_FOUND',
        `model '${filter.model}' has no reference yet: tidegate references create makes one`,
      );
    }
    const spec = await references.read(filter.model, wanted);
    const against =
      typeof reference === 'number' || reference === 'newest' ? undefined : windowBefore(filter, reference);
    const least_samples = Math.max(1, min_samples);
    return driftReport(this.#client, this.#database, spec, { ...filter, against, least_samples, correction: 'none' });
  }

  async #performance(
    spec: MonitorSpec,
    filter: RowFilter,
    kind: 'metrics' | 'estimated',
    name: string,
  ): Promise<Evidenced> {
    const performance = new Performance(this.#client, this.#database);
    const report = await performance.report({ filter, threshold: 0.5, min_samples: spec.min_samples });
    const { labels, reason } = report;
    const measures = report[kind];
    const samples = kind === 'metrics' ? labels.joined : labels.predicted;
    const evidence = {
      from: report.from,
      to: report.to,
      path: apiPath('performance', filter),
      figures: { labels, [name]: measures[name] },
    };
    if (Object.keys(measures).length === 0)
      return { value: undefined, samples, reason: reason ?? 'noLabels', evidence };
    return { ...metricReading(known(measures, name, `metric of ${report.task} models`)), samples, evidence };
  }

  async #errors(filter: RowFilter): Promise<Evidenced> {
    const sql = `SELECT countIf(outcome != 'ok') AS failed, count() AS all FROM ${this.#database}.inference_log WHERE ${anyRowConditions(filter)}`;
    const [{ failed, all }] = ErrorsSchema.parse(await this.#rows(sql));
    const value = all === 0 ? undefined : failed / all;
    return { value, samples: all, evidence: { ...windowOf(filter), sql, figures: { failed, all } } };
  }

  async #latency(filter: RowFilter, quantile: number): Promise<Evidenced> {
    const sql = `SELECT if(count() = 0, NULL, quantileTDigest(${quantile})(total_us)) AS us, count() AS all FROM ${this.#database}.inference_log WHERE ${rowConditions(filter)} AND row_idx = 0`;
    const [{ us, all }] = LatencySchema.parse(await this.#rows(sql));
    const value = us === null ? undefined : us / 1000;
    return {
      value,
      samples: all,
      evidence: { ...windowOf(filter), sql, figures: { quantile, latency_ms: value, all } },
    };
  }

  /** Nothing is a throughput too: it needs no samples. */
  async #throughput(filter: RowFilter): Promise<Evidenced> {
    const sql = `SELECT 0 AS failed, sum(1 / share) AS all FROM ${this.#database}.inference_log WHERE ${rowConditions(filter)}`;
    const [{ all }] = ErrorsSchema.parse(await this.#rows(sql));
    const value = all / ((filter.to_ms - filter.from_ms) / 1000);
    const evidence = { ...windowOf(filter), sql, figures: { rows: all, rows_per_s: value } };
    return { value, samples: Number.MAX_SAFE_INTEGER, evidence };
  }

  async #rows(query: string): Promise<unknown> {
    return (await this.#client.query({ query, format: 'JSONEachRow' })).json();
  }
}

function driftShare(
  { features: all }: DriftReport,
  names: readonly string[] | undefined,
  filter: RowFilter,
): Evidenced {
  const features = names === undefined ? all : names.map((name) => featureOf(all, name));
  const judged = features.filter(({ verdict }) => verdict !== 'noData');
  const drifted = judged.filter(({ verdict }) => verdict === 'drift').map(({ feature }) => feature);
  const samples = Math.max(0, ...all.map((each) => each.samples.current));
  const figures = { drifted, judged: judged.length, columns: features.length };
  const evidence = { ...windowOf(filter), path: apiPath('drift', filter), figures };
  if (judged.length === 0) return { value: undefined, samples, reason: 'no column has enough rows', evidence };
  return { value: drifted.length / judged.length, samples, evidence };
}

function featureMeasure(
  { features }: DriftReport,
  { name, measure }: { readonly name: string; readonly measure: string },
  filter: RowFilter,
): Evidenced {
  const found = featureOf(features, name);
  const measurements = Object.entries(found.measures).map(([key, value]) => [key, value] as const);
  const measurement = known(Object.fromEntries(measurements), measure, `measure of ${name}`);
  const samples = Math.min(found.samples.reference, found.samples.current);
  const evidence = {
    ...windowOf(filter),
    path: apiPath('drift', filter),
    figures: { feature: name, [measure]: measurement },
  };
  if (measurement === undefined || measurement.absence !== undefined) {
    return { value: undefined, samples, reason: measurement?.absence ?? 'not measured', evidence };
  }
  return { value: measurement.value, samples, evidence };
}

function featureOf(features: DriftReport['features'], name: string): DriftReport['features'][number] {
  const found = features.find(({ feature }) => feature === name);
  if (found !== undefined) return found;
  const names = features.map(({ feature }) => feature);
  throw new TidegateError('NOT_FOUND', `the reference has no feature '${name}'${hint(name, names)}`);
}

function known<T>(measures: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(measures, name)) return measures[name];
  throw new TidegateError('INVALID_REQUEST', `'${name}' is no ${what}${hint(name, Object.keys(measures))}`);
}

function hint(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  return nearest === undefined ? `: there are ${names.join(', ')}` : `: did you mean '${nearest}'?`;
}

function metricReading(metric: Metric): { readonly value: number | undefined; readonly reason?: string } {
  return metric.absence === undefined ? { value: metric.value } : { value: undefined, reason: metric.absence };
}

function windowOf({ from_ms, to_ms }: Span): { readonly from: string; readonly to: string } {
  return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
}

function apiPath(report: string, { model, from_ms, to_ms, ...cuts }: RowFilter): string {
  const given = Object.entries({ ...windowOf({ from_ms, to_ms }), ...cuts }).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(Object.fromEntries(given.map(([key, value]) => [key, String(value)])));
  return `/v1/models/${encodeURIComponent(model)}/${report}?${query}`;
}
