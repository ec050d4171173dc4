/**
 * Which model gets a worker next. Every queue has had so much time of the workers, divided by its share; the one that has had the
 * least goes first. So under contention each model gets time by its share, however many requests another one is flooded with,
 * and however long its runs are. (Start-time fair queueing, Goyal, Vin and Cheng, 1996.)
 */
export interface Contender {
  /** Worker time had so far divided by the share, in microseconds of virtual time. */
  served_us: number;
}

/** The least served, the first of equals. */
export function leastServed<T extends Contender>(contenders: Iterable<T>): T | undefined {
  let least: T | undefined;
  for (const contender of contenders)
    if (least === undefined || contender.served_us < least.served_us) least = contender;
  return least;
}

/** A queue that was idle did not save up time: it starts level with whoever was served last. */
export function wake(contender: Contender, virtual_us: number): void {
  if (contender.served_us < virtual_us) contender.served_us = virtual_us;
}

/** Charges a batch when it starts, by what such batches took before; `settle` corrects it when the real time is known. */
export function charge(contender: Contender, expected_us: number, share: number): void {
  contender.served_us += expected_us / share;
}

export function settle(contender: Contender, expected_us: number, real_us: number, share: number): void {
  contender.served_us += (real_us - expected_us) / share;
}
