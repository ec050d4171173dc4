import { cpus } from 'node:os';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { LatencyHistogram } from '../latency-histogram.js';
import type { LoadPlan } from '../open-loop/load-plan.js';
import type { LoadOutcome } from '../open-loop/run-load.js';
import type { Tally } from '../open-loop/tally.js';
import { HistogramSchema } from '../open-loop/thread-message.js';

/** Raised whenever a program that reads the old form would misread the new one. */
export const RESULT_VERSION = 1;

/** A generator that was later than this, and than a tenth of what it measured, measured itself. */
const LATE_US = 1000;
const LATE_SHARE = 0.1;

const count = z.number().int().nonnegative();
const FiguresSchema = z.object({
  /** Requests that were meant to start. */
  offered: count,
  ok: count,
  refused: count,
  failed: count,
  dropped: count,
  unanswered: count,
  p50_us: z.number(),
  p99_us: z.number(),
  max_us: z.number(),
});
export type Figures = z.infer<typeof FiguresSchema>;

const PhaseResultSchema = FiguresSchema.extend({
  name: z.string(),
  duration_ms: z.number().positive(),
  offered_per_s: z.number(),
  ok_per_s: z.number(),
  p90_us: z.number(),
  p999_us: z.number(),
  refused_p99_us: z.number(),
  generator_p99_late_us: z.number(),
  /** The generator was so late that its own delays are a good part of the latencies. */
  generator_late: z.boolean(),
  /** Of the answers: bucket and count; bucket b ends at 1.02^(b+1) µs. */
  latencies: HistogramSchema,
});
export type PhaseResult = z.infer<typeof PhaseResultSchema>;

export const LoadResultSchema = z.object({
  format: z.literal('tidegate-load'),
  version: z.literal(RESULT_VERSION),
  scenario: z.string(),
  began: z.iso.datetime(),
  target: z.string(),
  face: z.enum(['http', 'websocket']),
  arrivals: z.enum(['poisson', 'constant']),
  seed: count,
  threads: count,
  connections: count,
  machine: z.object({ processor: z.string(), cores: count, node: z.string() }),
  window_ms: z.number().positive(),
  phases: z.array(PhaseResultSchema).min(1),
  timeline: z.array(FiguresSchema),
});
export type LoadResult = z.infer<typeof LoadResultSchema>;

export function loadResult(scenario: string, plan: LoadPlan, outcome: LoadOutcome): LoadResult {
  return {
    format: 'tidegate-load',
    version: RESULT_VERSION,
    scenario,
    began: outcome.began.toISOString(),
    target: `${plan.host}:${plan.port}`,
    face: plan.face,
    arrivals: plan.arrivals,
    seed: plan.seed,
    threads: plan.threads,
    connections: plan.connections,
    machine: { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
    window_ms: plan.window_ms,
    phases: plan.phases.map(({ name, duration_ms }, at) => phaseResult(name, duration_ms, outcome.phases[at])),
    timeline: outcome.windows.map(figuresOf),
  };
}

/** What a result file says. One of another version is refused: its numbers could mean something else. */
export function readLoadResult(text: string, path: string): LoadResult {
  const HeadSchema = z.object({ format: z.literal('tidegate-load'), version: z.number() });
  const raw = parsedJson(text, path);
  const head = HeadSchema.safeParse(raw);
  if (!head.success) throw invalid(`${path} is no result of npm run load: its 'format' is not 'tidegate-load'`);
  if (head.data.version !== RESULT_VERSION) {
    throw invalid(
      `${path} is a result of version ${head.data.version}, and this program reads version ${RESULT_VERSION}: run the scenario again, or read the file with the program that wrote it`,
    );
  }
  const result = LoadResultSchema.safeParse(raw);
  if (!result.success) throw invalid(`${path} is damaged: ${z.prettifyError(result.error)}`);
  return result.data;
}

/** Over all phases. */
export function allLatencies(result: LoadResult): LatencyHistogram {
  return LatencyHistogram.of(...result.phases.map(({ latencies }) => latencies));
}

function phaseResult(name: string, duration_ms: number, tally: Tally): PhaseResult {
  const figures = figuresOf(tally);
  const late_us = percentile(tally.lateness, 0.99);
  return {
    name,
    duration_ms,
    ...figures,
    offered_per_s: (figures.offered / duration_ms) * 1000,
    ok_per_s: (figures.ok / duration_ms) * 1000,
    p90_us: percentile(tally.ok, 0.9),
    p999_us: percentile(tally.ok, 0.999),
    refused_p99_us: percentile(tally.refused, 0.99),
    generator_p99_late_us: late_us,
    generator_late: isLate(late_us, figures.p99_us),
    latencies: tally.ok.data(),
  };
}

export function isLate(late_p99_us: number, answered_p99_us: number): boolean {
  return late_p99_us > Math.max(LATE_US, answered_p99_us * LATE_SHARE);
}

function figuresOf(tally: Tally): Figures {
  return {
    offered: tally.intended,
    ok: tally.ok.count,
    refused: tally.refused.count,
    failed: tally.failed,
    dropped: tally.dropped,
    unanswered: tally.unanswered,
    p50_us: percentile(tally.ok, 0.5),
    p99_us: percentile(tally.ok, 0.99),
    max_us: tally.ok.max_us,
  };
}

/** 0 where there is nothing; never above the largest value, which is exact. */
function percentile(histogram: LatencyHistogram, share: number): number {
  return histogram.count === 0 ? 0 : Math.min(histogram.max_us, histogram.percentile(share));
}

function parsedJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `${path} is not JSON: it is no result of npm run load`, { cause });
  }
}

function invalid(message: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', message);
}
