/** Monotonic time in microseconds, as a number with fractions. Comparable between threads of one process: see `clockOrigin_us`. */
export function now_us(): number {
  return performance.now() * 1000;
}

/** Add this to a thread's `now_us()` to get microseconds since the epoch; every thread has its own origin. */
export const clockOrigin_us = performance.timeOrigin * 1000;
