/** A number as it was written: every digit counts. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Strings are bytes, since a server may answer with some that are not UTF-8. */
export type ExactJson = null | boolean | NumberText | Buffer | readonly ExactJson[] | ReadonlyMap<string, ExactJson>;

/** Reads JSON without losing digits or bytes. NaN and the infinities are read too, as some servers write them. Throws SyntaxError. */
export function parseExactJson(bytes: Buffer): ExactJson {
  const reader = new Reader(bytes.toString('latin1'));
  const value = reader.value();
  reader.end();
  return value;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const PLAIN = /[^"\\]*/y;
const WORDS: readonly (readonly [word: string, value: ExactJson])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): ExactJson {
    this.#match(SPACE);
    const next = this.#text[this.#at];
    if (next === '{') return this.#object();
    if (next === '[') return this.#array();
    if (next === '"') return this.#string();
    const word = WORDS.find(([text]) => this.#text.startsWith(text, this.#at));
    if (word !== undefined) {
      this.#at += word[0].length;
      return word[1];
    }
    const number = this.#match(NUMBER);
    if (number === '') throw this.#wrong();
    return new NumberText(number);
  }

  end(): void {
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#wrong();
  }

  #object(): ReadonlyMap<string, ExactJson> {
    const members = new Map<string, ExactJson>();
    this.#list('}', () => {
      const name = this.#string().toString('utf8');
      if (members.has(name)) throw this.#wrong();
      this.#match(SPACE);
      if (this.#text[this.#at++] !== ':') throw this.#wrong();
      members.set(name, this.value());
    });
    return members;
  }

  #array(): readonly ExactJson[] {
    const elements: ExactJson[] = [];
    this.#list(']', () => elements.push(this.value()));
    return elements;
  }

  #list(close: string, element: () => void): void {
    this.#at++;
    this.#match(SPACE);
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      this.#match(SPACE);
      element();
      this.#match(SPACE);
      const next = this.#text[this.#at++];
      if (next === close) return;
      if (next !== ',') throw this.#wrong();
    }
  }

  #string(): Buffer {
    if (this.#text[this.#at++] !== '"') throw this.#wrong();
    const parts: Buffer[] = [];
    for (;;) {
      parts.push(Buffer.from(this.#match(PLAIN), 'latin1'));
      const next = this.#text[this.#at++];
      if (next === '"') return Buffer.concat(parts);
      if (next !== '\\') throw this.#wrong();
      parts.push(Buffer.from(this.#escape(), 'utf8'));
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at++];
    if (letter !== 'u') return ESCAPES[letter] ?? letter;
    const unit = this.#unit();
    const isPair = unit >= 0xd800 && unit < 0xdc00 && this.#text.startsWith('\\u', this.#at);
    if (!isPair) return String.fromCharCode(unit);
    this.#at += 2;
    return String.fromCharCode(unit, this.#unit());
  }

  #unit(): number {
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#wrong();
    this.#at += 4;
    return Number.parseInt(digits, 16);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #wrong(): SyntaxError {
    return new SyntaxError(
      `not JSON at ${this.#at}: ${JSON.stringify(this.#text.slice(this.#at - 10, this.#at + 20))}`,
    );
  }
}
