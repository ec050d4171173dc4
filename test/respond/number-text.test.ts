import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NumberText } from '../../runtime/respond/number-text.js';

const writer = new NumberText();

function textOf(value: number): string {
  writer.begin();
  writer.float(value);
  return writer.end();
}

function digitsOf(text: string): number {
  const [mantissa = ''] = text.replace('-', '').split('e');
  return mantissa.replace('.', '').replace(/^0+/, '').replace(/0+$/, '').length;
}

function check(value: number): void {
  const text = textOf(value);
  assert.match(text, /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/);
  assert.ok(Object.is(Math.fround(JSON.parse(text)), value), `${value} became ${text}`);
  for (let digits = 1; digits < digitsOf(text); digits++) {
    assert.notEqual(
      Math.fround(Number(value.toPrecision(digits))),
      value,
      `${text} is longer than ${value.toPrecision(digits)}`,
    );
  }
}

describe('the text of a float', () => {
  it('is JSON, reads back to the same float, and no rounding to fewer digits does', () => {
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), check), { numRuns: 5000 });
    const usual = fc.double({ min: -2000, max: 2000, noNaN: true }).map(Math.fround);
    fc.assert(fc.property(usual, check), { numRuns: 5000 });
  });

  it('is right at the ends of every range', () => {
    for (let exponent = -149; exponent < 128; exponent++) check(2 ** exponent);
    for (let exponent = -45; exponent < 39; exponent++) {
      const float = new Float32Array([Number(`1e${exponent}`)]);
      const bits = new Uint32Array(float.buffer);
      for (const step of [-1, 1, 1]) {
        check(float[0]);
        bits[0] += step;
      }
    }
    check(3.4028234663852886e38);
    check(16777216);
    check(Math.fround(999999.94));
  });

  it('is what people expect', () => {
    const cases = [
      [0, '0'],
      [-0, '-0.0'],
      [1, '1'],
      [-1.5, '-1.5'],
      [0.1, '0.1'],
      [0.125, '0.125'],
      [1e6, '1000000'],
      [123456.79, '123456.79'],
      [1e-6, '0.000001'],
      [1e10, '10000000000'],
      [1e-10, '1e-10'],
    ] as const;
    for (const [value, text] of cases) assert.equal(textOf(Math.fround(value)), text);
  });
});

describe('the text of other numbers', () => {
  it('holds every digit of an integer below 2^53', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), (values) => {
        writer.begin();
        for (const value of values) writer.integer(value);
        assert.equal(writer.end(), values.join(','));
      }),
    );
  });

  it('has room for any number of them', () => {
    writer.begin();
    for (let i = 0; i < 100_000; i++) writer.double(-1.234567890123456e-300);
    assert.equal(JSON.parse(`[${writer.end()}]`).length, 100_000);
    writer.begin();
    assert.equal(writer.end(), '');
  });
});
