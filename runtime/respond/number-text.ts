const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const COMMA = 0x2c;

/** Longest text of one number with its comma: a double, or a 64-bit integer with its sign. */
const LONGEST = 32;
const SCRATCH_BYTES = 64 * 1024;

const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** Floats from here up to `PLAIN_MOST` are written without an exponent, by integer arithmetic alone. */
const PLAIN_LEAST = 1e-6;
const PLAIN_MOST = 1e9;
/** Every float can be told by nine digits, and no decimal of six digits is ever confused with another one. */
const MOST_DIGITS = 9;
const FEWEST_DIGITS = 6;

/**
 * Writes numbers as JSON into a scratch buffer and makes text of many at once: a string for each number would cost more than its
 * digits do. `begin` and `end` enclose one tensor.
 */
export class NumberText {
  private readonly bytes = Buffer.allocUnsafe(SCRATCH_BYTES);
  private at = 0;
  /** What did not fit the buffer any more. */
  private written = '';

  begin(): void {
    this.at = 0;
    this.written = '';
  }

  /** The numbers, with commas between them. */
  end(): string {
    const last = this.at > 0 ? this.bytes.toString('latin1', 0, this.at - 1) : '';
    const text = this.written === '' ? last : this.written + last;
    this.begin();
    return text;
  }

  /** Makes room for one number. It is always followed by one, so that `end` finds the last comma in the buffer. */
  private room(): void {
    if (this.at + LONGEST <= SCRATCH_BYTES) return;
    this.written += this.bytes.toString('latin1', 0, this.at);
    this.at = 0;
  }

  /** Anything else that is ASCII, and not longer than a number. */
  word(text: string): void {
    this.room();
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
    this.bytes[this.at++] = COMMA;
  }

  /** A whole number below 2^53. */
  integer(value: number): void {
    this.room();
    if (value < 0) this.bytes[this.at++] = MINUS;
    this.digits(Math.abs(value), 1);
    this.bytes[this.at++] = COMMA;
  }

  /** A finite double, by the shortest text that reads back to it. */
  double(value: number): void {
    if (Object.is(value, -0)) this.word('-0.0');
    else this.word(String(value));
  }

  /** A finite float, by the shortest text that reads back to the same float, whether it is read as a double or as a float. */
  float(value: number): void {
    const magnitude = Math.abs(value);
    if (magnitude < PLAIN_LEAST || magnitude >= PLAIN_MOST) {
      this.word(value === 0 ? (Object.is(value, -0) ? '-0.0' : '0') : scientific(value));
      return;
    }
    this.room();
    if (value < 0) this.bytes[this.at++] = MINUS;
    this.plainFloat(magnitude);
    this.bytes[this.at++] = COMMA;
  }

  /**
   * The nearest decimal of six digits, else of seven, eight, nine: the first that reads back. Numerator and power of ten are exact in
   * doubles, so their quotient is what a reader of the text gets.
   */
  private plainFloat(magnitude: number): void {
    const whole = wholeDigits(magnitude);
    let digits = FEWEST_DIGITS;
    let decimals = digits - whole;
    let numerator = 0;
    for (;;) {
      if (decimals >= 0) {
        numerator = Math.round(magnitude * POWERS_OF_TEN[decimals]);
        if (digits === MOST_DIGITS || Math.fround(numerator / POWERS_OF_TEN[decimals]) === magnitude) break;
      } else {
        numerator = Math.round(magnitude / POWERS_OF_TEN[-decimals]) * POWERS_OF_TEN[-decimals];
        if (Math.fround(numerator) === magnitude) {
          decimals = 0;
          break;
        }
      }
      digits++;
      decimals++;
    }
    while (decimals > 0 && numerator % 10 === 0) {
      numerator /= 10;
      decimals--;
    }
    this.fixed(numerator, decimals);
  }

  /** `numerator` / 10^`decimals`, in digits. */
  private fixed(numerator: number, decimals: number): void {
    if (decimals === 0) {
      this.digits(numerator, 1);
      return;
    }
    const power = POWERS_OF_TEN[decimals];
    const whole = Math.floor(numerator / power);
    this.digits(whole, 1);
    this.bytes[this.at++] = POINT;
    this.digits(numerator - whole * power, decimals);
  }

  /** A whole number from 0 up, with zeros before it up to `width` digits. */
  private digits(value: number, width: number): void {
    const bytes = this.bytes;
    let count = width;
    while (count < 17 && value >= POWERS_OF_TEN[count]) count++;
    let rest = value;
    let at = this.at + count;
    this.at = at;
    while (rest >= 0x7fffffff) {
      const next = Math.floor(rest / 10);
      bytes[--at] = ZERO + (rest - next * 10);
      rest = next;
      count--;
    }
    let small = rest | 0;
    while (count-- > 0) {
      const next = (small / 10) | 0;
      bytes[--at] = ZERO + (small - next * 10);
      small = next;
    }
  }
}

/** Digits before the point; 0 or less where zeros follow the point: 0.01 has -1. */
function wholeDigits(magnitude: number): number {
  if (magnitude >= 1) {
    let digits = 1;
    while (magnitude >= POWERS_OF_TEN[digits]) digits++;
    return digits;
  }
  let zeros = 0;
  while (magnitude * POWERS_OF_TEN[zeros + 1] < 1) zeros++;
  return -zeros;
}

/** Very large and very small floats, by trial. */
function scientific(value: number): string {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(MOST_DIGITS)));
}
