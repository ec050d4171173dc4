/** A version whose thread dies this often within the window is given up: a model that kills its thread would do so for ever. */
const DEATHS = 3;
const WINDOW_MS = 60_000;
const FIRST_DELAY_MS = 10;
const BOOT_DELAY_MS = 500;

/** When a version that lost its thread may have another. Pure but for what it remembers. */
export class RespawnPolicy {
  readonly #deaths = new Map<number, number[]>();

  /** Milliseconds to wait before the next thread, or undefined: no more. `booted`: the thread had come up before it died. */
  next(handle: number, booted: boolean, now_ms: number): number | undefined {
    const recent = (this.#deaths.get(handle) ?? []).filter((at_ms) => now_ms - at_ms < WINDOW_MS);
    recent.push(now_ms);
    this.#deaths.set(handle, recent);
    if (recent.length >= DEATHS) {
      this.#deaths.delete(handle);
      return undefined;
    }
    return (booted ? FIRST_DELAY_MS : BOOT_DELAY_MS) * 2 ** (recent.length - 1);
  }
}
