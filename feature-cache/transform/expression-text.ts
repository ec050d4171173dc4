import { TidegateError } from '../../contract/error.js';

export type Token =
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'text'; readonly value: string; readonly at: number }
  | { readonly kind: 'name' | 'sign' | 'end'; readonly value: string; readonly at: number };

/** Longer ones first: `<=` is no `<`. */
const SIGNS = ['<=', '>=', '==', '!=', '&&', '||', '+', '-', '*', '/', '%', '<', '>', '!', '(', ')', ',', '?', ':'];
const NUMBER = /^(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const TEXT = /^"((?:[^"\\]|\\["\\nt])*)"/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t' };
export const MOST_CHARACTERS = 4000;

/** An expression as its words. Throws INVALID_CONFIG that names the place. */
export function tokensOf(expression: string): readonly Token[] {
  if (expression.length > MOST_CHARACTERS)
    throw wrong(expression, MOST_CHARACTERS, `it is longer than ${MOST_CHARACTERS} characters`);
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    if (/\s/.test(expression[at])) {
      at++;
      continue;
    }
    const [token, length] = tokenAt(expression, at);
    tokens.push(token);
    at += length;
  }
  tokens.push({ kind: 'end', value: 'the end', at });
  return tokens;
}

function tokenAt(expression: string, at: number): readonly [token: Token, length: number] {
  const rest = expression.slice(at);
  const number = NUMBER.exec(rest);
  if (number !== null) return [{ kind: 'number', value: Number(number[0]), at }, number[0].length];
  const name = NAME.exec(rest);
  if (name !== null) return [{ kind: 'name', value: name[0], at }, name[0].length];
  const text = TEXT.exec(rest);
  if (text !== null) {
    const value = text[1].replace(/\\(.)/g, (_whole, escaped: string) => ESCAPES[escaped] ?? escaped);
    return [{ kind: 'text', value, at }, text[0].length];
  }
  const sign = SIGNS.find((each) => rest.startsWith(each));
  if (sign !== undefined) return [{ kind: 'sign', value: sign, at }, sign.length];
  throw wrong(expression, at, `'${expression[at]}' means nothing here`);
}

export function wrong(expression: string, at: number, what: string): TidegateError {
  const shown = expression.length > 80 ? `${expression.slice(0, 77)}…` : expression;
  return new TidegateError('INVALID_CONFIG', `the expression '${shown}' is wrong at character ${at + 1}: ${what}`);
}
