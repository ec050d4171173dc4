import { BodyBuffer } from './body-buffer.js';
import { DROPPED_BODIES } from './options.js';

/** Most bytes of a chunk's size line with its extensions, and of all trailers. */
const MOST_LINE_BYTES = 4096;

type State = 'size' | 'data' | 'data-end' | 'trailers' | 'done';

/** Reads a chunked body piece by piece, cut anywhere. */
export class ChunkedBody {
  readonly #max_bytes: number;
  readonly #body = new BodyBuffer(0);
  #state: State = 'size';
  #line = '';
  #left = 0;
  #total = 0;
  #trailers = 0;

  constructor(max_bytes: number) {
    this.#max_bytes = max_bytes;
  }

  get bytes(): Uint8Array {
    return this.#body.bytes;
  }

  /** Larger than allowed: nothing is kept, and reading goes on to the end, so that the client finds the refusal. */
  get overflowed(): boolean {
    return this.#total > this.#max_bytes;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Takes bytes from `at` on and answers with the place after the last one taken, or with what is wrong. */
  read(piece: Buffer, at: number): number | 'malformed' | 'too large' {
    let place = at;
    while (place < piece.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(piece.length, place + this.#left);
        if (!this.overflowed) this.#body.append(piece.subarray(place, end));
        this.#left -= end - place;
        place = end;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const lineEnd = piece.indexOf(0x0a, place);
      this.#line += piece.toString('latin1', place, lineEnd === -1 ? piece.length : lineEnd + 1);
      if (this.#line.length > MOST_LINE_BYTES) return 'malformed';
      if (lineEnd === -1) return piece.length;
      place = lineEnd + 1;
      const line = this.#line;
      this.#line = '';
      if (!line.endsWith('\r\n')) return 'malformed';
      const fault = this.#takeLine(line.slice(0, -2));
      if (fault !== undefined) return fault;
    }
    return place;
  }

  #takeLine(line: string): 'malformed' | 'too large' | undefined {
    switch (this.#state) {
      case 'size': {
        const size = /^([0-9a-fA-F]{1,13})[ \t]*(?:;[^\0\r]*)?$/.exec(line);
        if (size === null) return 'malformed';
        this.#left = Number.parseInt(size[1] ?? '', 16);
        this.#total += this.#left;
        if (this.#total > this.#max_bytes * DROPPED_BODIES) return 'too large';
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        return undefined;
      }
      case 'data-end':
        this.#state = 'size';
        return line === '' ? undefined : 'malformed';
      default:
        this.#trailers += line.length;
        if (line === '') this.#state = 'done';
        return this.#trailers > MOST_LINE_BYTES ? 'malformed' : undefined;
    }
  }
}
