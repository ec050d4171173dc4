const WIDTH = 24;
const REDRAW_MS = 100;

/** How far something is, on a terminal; nothing where output is a file. Gone when it is done. */
export class ProgressBar {
  readonly #what: string;
  readonly #total: number;
  readonly #out: NodeJS.WriteStream;
  #done = 0;
  #drawn_ms = 0;

  constructor(what: string, total: number, out: NodeJS.WriteStream = process.stderr) {
    this.#what = what;
    this.#total = total;
    this.#out = out;
  }

  add(amount: number): void {
    this.#done += amount;
    const now_ms = performance.now();
    if (!this.#out.isTTY || now_ms - this.#drawn_ms < REDRAW_MS) return;
    this.#drawn_ms = now_ms;
    this.#out.write(`\r${barText(this.#what, this.#done, this.#total)}`);
  }

  end(): void {
    if (this.#out.isTTY && this.#drawn_ms > 0) this.#out.write('\r\x1b[K');
  }
}

export function barText(what: string, done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * WIDTH);
  return `${what} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(share * 100)} %`;
}
