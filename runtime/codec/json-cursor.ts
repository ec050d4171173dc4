import { TidegateError } from '../../contract/error.js';
import { checkedStringEnd } from './json-string.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function invalidJson(offset: number, what: string): TidegateError {
  return new TidegateError('INVALID_JSON', `failed to parse the request JSON: ${what} at byte ${offset}`);
}

/** Containers that the stack of `value` has room for at first. */
const STACK_STEP = 128;

/**
 * Reads JSON from bytes, one token at a time, by RFC 8259 and nothing beyond it. It never looks at or past `end`, never recurses,
 * and allocates nothing for tokens: a string is told by `start`, `stop` and `plain`, and made into text only by who needs it.
 */
export class JsonCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly max_depth: number;
  at: number;
  depth = 0;
  /** The last string read, without its quotes. */
  start = 0;
  stop = 0;
  /** Whether that string is printable ASCII without escapes, so that its bytes are its characters. */
  plain = true;

  constructor(bytes: Uint8Array, at: number, end: number, maxDepth: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.max_depth = maxDepth;
  }

  /** Skips white space. The byte that stands there, not consumed; -1 at the end. */
  peek(): number {
    const bytes = this.bytes;
    const end = this.end;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at];
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at;
        return byte;
      }
      at++;
    }
    this.at = at;
    return -1;
  }

  /** Consumes `{` or `[`; the caller has seen it. Whether something follows before the closing byte; an empty one is consumed whole. */
  open(closing: number): boolean {
    this.at++;
    this.depth++;
    if (this.depth > this.max_depth) {
      throw invalidJson(this.at - 1, `nesting deeper than ${this.max_depth} levels`);
    }
    if (this.peek() !== closing) return true;
    this.at++;
    this.depth--;
    return false;
  }

  /** After a member or an element: whether another one follows. Consumes the comma or the closing byte. */
  more(closing: number): boolean {
    const byte = this.peek();
    if (byte === 0x2c) {
      this.at++;
      return true;
    }
    if (byte !== closing) {
      throw this.unexpected(closing === 0x7d ? "',' or '}'" : "',' or ']'");
    }
    this.at++;
    this.depth--;
    return false;
  }

  /** Reads a member's name and its colon. */
  key(): void {
    if (this.peek() !== QUOTE) throw this.unexpected('a member name in double quotes');
    this.string();
    if (this.peek() !== 0x3a) throw this.unexpected("':'");
    this.at++;
  }

  /** Reads a string; the caller has seen its opening quote. */
  string(): void {
    const bytes = this.bytes;
    const end = this.end;
    const start = this.at + 1;
    let at = start;
    while (at < end) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.start = start;
        this.stop = at;
        this.plain = true;
        this.at = at + 1;
        return;
      }
      if (byte === BACKSLASH || byte < 0x20 || byte > 0x7e) break;
      at++;
    }
    const stop = checkedStringEnd(bytes, at, end, start - 1);
    this.start = start;
    this.stop = stop;
    this.plain = false;
    this.at = stop + 1;
  }

  /** Skips a number; the caller has seen a digit or a minus sign. Whether it is written as an integer. */
  number(): boolean {
    const bytes = this.bytes;
    let at = this.at;
    let whole = true;
    if (bytes[at] === 0x2d) at++;
    if (at < this.end && bytes[at] === 0x30) at++;
    else at = this.digits(at);
    if (at < this.end && bytes[at] === 0x2e) {
      whole = false;
      at = this.digits(at + 1);
    }
    if (at < this.end && (bytes[at] | 0x20) === 0x65) {
      whole = false;
      at++;
      if (at < this.end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      at = this.digits(at);
    }
    this.at = at;
    return whole;
  }

  /** Skips `true`, `false` or `null`, whichever `text` names. */
  literal(text: string): void {
    for (let i = 0; i < text.length; i++) {
      if (this.at + i >= this.end || this.bytes[this.at + i] !== text.charCodeAt(i)) {
        throw invalidJson(this.at, `invalid value, '${text}' misspelt?`);
      }
    }
    this.at += text.length;
  }

  /** Skips a string, a number or a literal. */
  scalar(): void {
    const byte = this.peek();
    if (byte === QUOTE) this.string();
    else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) this.number();
    else if (byte === 0x74) this.literal('true');
    else if (byte === 0x66) this.literal('false');
    else if (byte === 0x6e) this.literal('null');
    else throw this.unexpected('a value');
  }

  /** Skips any value and checks every byte of it, without recursion. */
  value(): void {
    const first = this.peek();
    if (first !== 0x7b && first !== 0x5b) {
      this.scalar();
      return;
    }
    const base = this.depth;
    let open = new Uint8Array(STACK_STEP);
    for (;;) {
      const byte = this.peek();
      let entered = false;
      if (byte === 0x7b || byte === 0x5b) {
        const closing = byte + 2;
        entered = this.open(closing);
        if (entered) {
          const level = this.depth - base;
          if (level >= open.length) open = grown(open);
          open[level] = closing;
        }
      } else {
        this.scalar();
      }
      if (!entered) {
        while (this.depth > base && !this.more(open[this.depth - base])) {
          // A closing byte ends the value around it, too.
        }
        if (this.depth === base) return;
      }
      if (open[this.depth - base] === 0x7d) this.key();
    }
  }

  /** Nothing but white space may follow. */
  finish(): void {
    if (this.peek() !== -1) throw invalidJson(this.at, 'unexpected bytes after the JSON value');
  }

  unexpected(wanted: string): TidegateError {
    const byte = this.peek();
    if (byte === -1) return invalidJson(this.at, `the JSON ends where ${wanted} should follow`);
    const found = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`;
    return invalidJson(this.at, `${wanted} expected, got ${found}`);
  }

  private digits(from: number): number {
    let at = from;
    while (at < this.end && this.bytes[at] >= 0x30 && this.bytes[at] <= 0x39) at++;
    if (at === from) throw invalidJson(at, 'a number lacks a digit');
    return at;
  }
}

function grown(stack: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(stack.length * 2);
  larger.set(stack);
  return larger;
}
