import { nearestName } from '../../std/nearest-name.js';
import { type Token, tokensOf, wrong } from './expression-text.js';
import { FUNCTIONS } from './functions.js';
import type { Scope, Value } from './value.js';

export interface Expression {
  readonly text: string;
  /** Names of the features and request fields that it reads. */
  readonly names: readonly string[];
  /** Never throws: what cannot be computed is null. */
  readonly evaluate: (scope: Scope) => Value;
}

type Evaluate = (scope: Scope) => Value;
const MOST_DEPTH = 64;

/**
 * A derived feature: arithmetic, comparisons, `&&`, `||`, `!`, `a ? b : c`, texts in quotes, and functions (functions.ts). There is no loop, no assignment and
 * nothing of the machine to reach, so it ends, and gives the same in serving and in training. Throws INVALID_CONFIG that names the place.
 */
export function parseExpression(text: string, known?: readonly string[]): Expression {
  const parser = new Parser(text, known);
  const evaluate = parser.whole();
  return { text, names: [...parser.names].sort(), evaluate };
}

/** By precedence, the loosest first. */
const BINARY: readonly Readonly<Record<string, (a: Value, b: Value) => Value>>[] = [
  {
    '==': (a, b) => (a === null || b === null ? null : a === b),
    '!=': (a, b) => (a === null || b === null ? null : a !== b),
  },
  {
    '<': (a, b) => compared(a, b, (order) => order < 0),
    '<=': (a, b) => compared(a, b, (order) => order <= 0),
    '>': (a, b) => compared(a, b, (order) => order > 0),
    '>=': (a, b) => compared(a, b, (order) => order >= 0),
  },
  { '+': (a, b) => numeric(a, b, (x, y) => x + y), '-': (a, b) => numeric(a, b, (x, y) => x - y) },
  {
    '*': (a, b) => numeric(a, b, (x, y) => x * y),
    '/': (a, b) => numeric(a, b, (x, y) => x / y),
    '%': (a, b) => numeric(a, b, (x, y) => x % y),
  },
];

/** What is no number (a division by 0, an overflow) is not there, rather than in a model. */
function numeric(a: Value, b: Value, compute: (a: number, b: number) => number): Value {
  if (typeof a !== 'number' || typeof b !== 'number') return null;
  const result = compute(a, b);
  return Number.isFinite(result) ? result : null;
}

function compared(a: Value, b: Value, is: (order: number) => boolean): Value {
  if (typeof a === 'number' && typeof b === 'number') return is(a - b);
  if (typeof a === 'string' && typeof b === 'string') return is(a < b ? -1 : a > b ? 1 : 0);
  return null;
}

class Parser {
  readonly names = new Set<string>();
  readonly #text: string;
  readonly #known: readonly string[] | undefined;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string, known: readonly string[] | undefined) {
    this.#text = text;
    this.#known = known;
    this.#tokens = tokensOf(text);
  }

  whole(): Evaluate {
    const evaluate = this.#choice();
    if (this.#token.kind !== 'end') throw this.#unexpected('an operator or the end');
    return evaluate;
  }

  get #token(): Token {
    return this.#tokens[this.#next];
  }

  #choice(): Evaluate {
    this.#depth++;
    if (this.#depth > MOST_DEPTH) throw wrong(this.#text, this.#token.at, `it is nested deeper than ${MOST_DEPTH}`);
    const condition = this.#or();
    let evaluate = condition;
    if (this.#take('?')) {
      const yes = this.#choice();
      this.#expect(':');
      const no = this.#choice();
      evaluate = (scope) => {
        const decided = condition(scope);
        if (typeof decided !== 'boolean') return null;
        return decided ? yes(scope) : no(scope);
      };
    }
    this.#depth--;
    return evaluate;
  }

  #or(): Evaluate {
    let left = this.#and();
    while (this.#take('||')) left = either(left, this.#and(), true);
    return left;
  }

  #and(): Evaluate {
    let left = this.#binary(0);
    while (this.#take('&&')) left = either(left, this.#binary(0), false);
    return left;
  }

  #binary(level: number): Evaluate {
    const signs = BINARY[level];
    if (signs === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, value } = this.#token;
      if (kind !== 'sign' || !Object.hasOwn(signs, value)) return left;
      this.#next++;
      const [first, second, compute] = [left, this.#binary(level + 1), signs[value]];
      left = (scope) => compute(first(scope), second(scope));
    }
  }

  #unary(): Evaluate {
    this.#depth++;
    if (this.#depth > MOST_DEPTH) throw wrong(this.#text, this.#token.at, `it is nested deeper than ${MOST_DEPTH}`);
    try {
      if (this.#take('-')) return negated(this.#unary());
      if (!this.#take('!')) return this.#operand();
      const operand = this.#unary();
      return (scope) => {
        const value = operand(scope);
        return typeof value === 'boolean' ? !value : null;
      };
    } finally {
      this.#depth--;
    }
  }

  #operand(): Evaluate {
    const token = this.#token;
    if (this.#take('(')) {
      const inner = this.#choice();
      this.#expect(')');
      return inner;
    }
    if (token.kind === 'sign' || token.kind === 'end') throw this.#unexpected('a number, a name, a text or (');
    this.#next++;
    if (token.kind !== 'name') {
      const { value } = token;
      return () => value;
    }
    if (token.value === 'true' || token.value === 'false') return () => token.value === 'true';
    if (token.value === 'null') return () => null;
    return this.#take('(') ? this.#call(token) : this.#feature(token);
  }

  #feature({ value: name, at }: Token & { readonly kind: 'name' | 'sign' | 'end' }): Evaluate {
    const known = this.#known;
    if (known !== undefined && !known.includes(name)) {
      const nearest = nearestName(name, known);
      throw wrong(
        this.#text,
        at,
        `there is no '${name}'${nearest === undefined ? '' : `, did you mean '${nearest}'?`}`,
      );
    }
    this.names.add(name);
    return (scope) => (Object.hasOwn(scope, name) ? scope[name] : null);
  }

  #call({ value: name, at }: Token & { readonly kind: 'name' | 'sign' | 'end' }): Evaluate {
    const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (found === undefined) {
      const nearest = nearestName(name, Object.keys(FUNCTIONS));
      throw wrong(
        this.#text,
        at,
        `there is no function '${name}'${nearest === undefined ? '' : `, did you mean '${nearest}'?`}`,
      );
    }
    const given: Evaluate[] = [];
    if (!this.#take(')')) {
      do given.push(this.#choice());
      while (this.#take(','));
      this.#expect(')');
    }
    const { least, most, compute } = found;
    if (given.length < least || given.length > most) {
      const wanted =
        least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`;
      throw wrong(this.#text, at, `'${name}' takes ${wanted} values, and is given ${given.length}`);
    }
    return (scope) => compute(given.map((each) => each(scope)));
  }

  #take(sign: string): boolean {
    const { kind, value } = this.#token;
    if (kind !== 'sign' || value !== sign) return false;
    this.#next++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(`'${sign}'`);
  }

  #unexpected(wanted: string): Error {
    const { value, at } = this.#token;
    return wrong(this.#text, at, `here stands ${JSON.stringify(value)}, and should stand ${wanted}`);
  }
}

function negated(operand: Evaluate): Evaluate {
  return (scope) => {
    const value = operand(scope);
    return typeof value === 'number' ? -value : null;
  };
}

/** `||` and `&&` as SQL has them: one side may decide alone, whatever the other is. */
function either(left: Evaluate, right: Evaluate, deciding: boolean): Evaluate {
  return (scope) => {
    const [a, b] = [left(scope), right(scope)];
    if (a === deciding || b === deciding) return deciding;
    return typeof a === 'boolean' && typeof b === 'boolean' ? !deciding : null;
  };
}
