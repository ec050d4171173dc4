import type { WriteStream } from 'node:tty';

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const DEFAULT_COLUMNS = 100;
const CLEAR_LINE = '\x1b[2K';
/** What an earlier, taller block left below this one. */
const CLEAR_BELOW = '\x1b[0J';

/** What there is to show: a block of lines for a terminal, one line for a file or a pipe. */
export interface View {
  readonly block: readonly string[];
  readonly line: string;
}

/** Shows something that changes: in place on a terminal, else as a line now and then. */
export class Screen {
  readonly #output: Output;
  readonly #line_every_ms: number;
  #shown = 0;
  #lastLine_ms = Number.NEGATIVE_INFINITY;

  constructor(output: Output, line_every_ms = 1000) {
    this.#output = output;
    this.#line_every_ms = line_every_ms;
  }

  get columns(): number {
    // A terminal that does not know its width says 0.
    return this.#output.columns || DEFAULT_COLUMNS;
  }

  show(view: View, now_ms: number): void {
    if (this.#output.isTTY !== true) {
      if (now_ms - this.#lastLine_ms < this.#line_every_ms) return;
      this.#lastLine_ms = now_ms;
      this.#output.write(`${view.line}\n`);
      return;
    }
    const up = this.#shown > 0 ? `\x1b[${this.#shown}A` : HIDE_CURSOR;
    // A line that wrapped would make the block taller than what is counted here.
    const lines = view.block.map((line) => `${CLEAR_LINE}${[...line].slice(0, this.columns - 1).join('')}\n`);
    this.#output.write(`${up}${lines.join('')}${CLEAR_BELOW}`);
    this.#shown = view.block.length;
  }

  /** Shows the last state whatever the time, and gives the terminal back. */
  end(view: View): void {
    this.#lastLine_ms = Number.NEGATIVE_INFINITY;
    this.show(view, 0);
    if (this.#output.isTTY === true) this.#output.write(SHOW_CURSOR);
  }
}
