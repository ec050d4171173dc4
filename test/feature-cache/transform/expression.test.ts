import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseExpression } from '../../../feature-cache/transform/expression.js';
import type { Scope, Value } from '../../../feature-cache/transform/value.js';

const SCOPE: Scope = { a: 6, b: 4, zero: 0, gone: null, yes: true, city: 'Boston' };
const value = (text: string, scope = SCOPE): Value => parseExpression(text).evaluate(scope);

const VALUES: readonly (readonly [text: string, value: Value])[] = [
  ['a + b * 2', 14],
  ['(a + b) * 2', 20],
  ['a - b - 1', 1],
  ['-a + 1', -5],
  ['7 % 4', 3],
  ['1.5e2', 150],
  ['a > b && !(a == b)', true],
  ['a > b ? "late" : "on time"', 'late'],
  ['yes ? 1 : yes ? 2 : 3', 1],
  ['city == "Boston"', true],
  ['lower(city)', 'boston'],
  ['"a\\"b\\\\"', 'a"b\\'],
  ['max(a, b, 9)', 9],
  ['clip(a, 0, 5)', 5],
  ['coalesce(gone, 3)', 3],
  ['is_null(gone)', true],
  // What is not there, or cannot be computed, is not there.
  ['gone + 1', null],
  ['a / zero', null],
  ['sqrt(-a)', null],
  ['exp(1000)', null],
  ['city + 1', null],
  ['gone == gone', null],
  ['gone ? 1 : 2', null],
  ['yes || gone', true],
  ['gone && false', false],
  ['gone && true', null],
  ['a < city', null],
  ['unknown', null],
  ['hour(3600000000)', 1],
  ['weekday(0)', 4],
];

for (const [text, expected] of VALUES) {
  test(`${text} is ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(value(text), expected);
  });
}

const WRONG: readonly (readonly [text: string, message: RegExp])[] = [
  ['', /wrong at character 1: here stands "the end", and should stand a number, a name, a text or \(/],
  ['a +', /at character 4/],
  ['a b', /here stands "b", and should stand an operator or the end/],
  ['(a', /should stand '\)'/],
  ['a ? b', /should stand ':'/],
  ['a = b', /'=' means nothing here/],
  ['"open', /'"' means nothing here/],
  ['maxx(1)', /there is no function 'maxx', did you mean 'max'\?/],
  ['abs(1, 2)', /'abs' takes 1 values, and is given 2/],
  ['max()', /'max' takes 1 or more values, and is given 0/],
  ['constructor(1)', /there is no function 'constructor'/],
  [`${'('.repeat(70)}1${')'.repeat(70)}`, /nested deeper than 64/],
  [`${'!'.repeat(70)}yes`, /nested deeper than 64/],
  ['1'.repeat(5000), /longer than 4000 characters/],
];

for (const [text, message] of WRONG) {
  test(`'${text.slice(0, 20)}' is refused with the place`, () => {
    assert.throws(() => parseExpression(text), message);
  });
}

test('names are told, and one that is not known is refused with the nearest', () => {
  assert.deepEqual(parseExpression('delay + max(delay, hops) * 2').names, ['delay', 'hops']);
  assert.throws(() => parseExpression('dealy + 1', ['delay']), /there is no 'dealy', did you mean 'delay'\?/);
  assert.equal(value('toString'), null, 'what every object has is no feature');
});

interface Tree {
  readonly text: string;
  readonly value: number | null;
}

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.integer({ min: 0, max: 1000 }).map((number) => ({ text: String(number), value: number })),
    fc.constantFrom('a', 'b', 'gone').map((name) => ({ text: name, value: Number(SCOPE[name] ?? Number.NaN) || null })),
    fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*', '/'), tie('tree')).map(([left, sign, right]) => ({
      text: `(${left.text} ${sign} ${right.text})`,
      value: computed(left.value, sign, right.value),
    })),
    tie('tree').map((inner) => ({ text: `-(${inner.text})`, value: inner.value === null ? null : -inner.value })),
  ),
}));

function computed(left: number | null, sign: string, right: number | null): number | null {
  if (left === null || right === null) return null;
  const result = sign === '+' ? left + right : sign === '-' ? left - right : sign === '*' ? left * right : left / right;
  return Number.isFinite(result) ? result : null;
}

test('arithmetic is that of the machine, to the last bit, with what is missing missing', () => {
  fc.assert(
    fc.property(tree, ({ text, value: expected }) => {
      assert.equal(value(text), expected);
    }),
    { numRuns: 500 },
  );
});

test('whatever text is given, it is an expression or is refused: never anything else', () => {
  const pieces = fc.array(
    fc.constantFrom('a', '1', '(', ')', '+', '-', '!', '&&', '?', ':', ',', 'max', '"x"', ' ', '==', '§'),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join('');
      try {
        parseExpression(text).evaluate(SCOPE);
      } catch (thrown) {
        assert.match(String(thrown), /the expression '.*' is wrong at character \d+: /s);
      }
    }),
    { numRuns: 2000 },
  );
});
