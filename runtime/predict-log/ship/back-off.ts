const FIRST_MS = 200;
const MOST_MS = 30_000;

/** How long to wait after so many failures in a row: twice as long each time up to half a minute, spread so that nodes do not return at once. */
export function backOff_ms(failures: number, random: () => number = Math.random): number {
  const full_ms = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(20, Math.max(0, failures - 1)));
  return full_ms * (0.5 + random() / 2);
}
