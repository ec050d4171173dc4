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

/** Values over time as at most `width` bars from the least to the greatest of them; a gap where nothing is known. Neighbours are averaged where there are more. */
export function trend(values: readonly (number | undefined)[], width: number): string {
  const count = Math.min(values.length, width);
  const means = Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((edge) => Math.floor((edge * values.length) / count));
    const known = values.slice(from, to).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
  const known = means.filter((value) => value !== undefined);
  const [least, greatest] = [Math.min(...known), Math.max(...known)];
  return means
    .map((value) => {
      if (value === undefined) return '·';
      const height = greatest > least ? (value - least) / (greatest - least) : 0.5;
      return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))];
    })
    .join('');
}
