const BARS = '▁▂▃▄▅▆▇█';

/** Shares of a histogram as a row of at most `width` bars, the highest one full: neighbours are added up where there are more. */
export function sparkbars(shares: readonly number[], width: number): string {
  const count = Math.min(shares.length, width);
  const sums = Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((edge) => Math.floor((edge * shares.length) / count));
    return shares.slice(from, to).reduce((sum, share) => sum + share, 0);
  });
  const highest = Math.max(...sums, Number.MIN_VALUE);
  return sums.map((sum) => BARS[Math.min(BARS.length - 1, Math.floor((sum / highest) * BARS.length))]).join('');
}
