export interface Timing {
  readonly batch: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly rows_per_second: number;
}

/** Runs for as long as it is allowed to, at least five times; the first two runs, which compile and allocate, do not count. */
export async function timeRuns(batch: number, seconds: number, run: () => Promise<unknown>): Promise<Timing> {
  for (let warm = 0; warm < 2; warm++) await run();
  const taken_ms: number[] = [];
  const until_ms = performance.now() + seconds * 1000;
  while (taken_ms.length < 5 || performance.now() < until_ms) {
    const begun_ms = performance.now();
    await run();
    taken_ms.push(performance.now() - begun_ms);
  }
  return summary(batch, taken_ms);
}

export function summary(batch: number, taken_ms: readonly number[]): Timing {
  const sorted = [...taken_ms].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const total_ms = sorted.reduce((sum, ms) => sum + ms, 0);
  return { batch, p50_ms: at(0.5), p99_ms: at(0.99), rows_per_second: (batch * sorted.length * 1000) / total_ms };
}
