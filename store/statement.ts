/** What the HTTP interface has to know of a statement before the engine reads it: no more than where its parts are. */
export interface InsertStatement {
  /** `INSERT INTO t (a, b)` */
  readonly target: string;
  /** `SETTINGS …`, or ''. */
  readonly settings: string;
  readonly format: string;
  /** Where the data begins in the text; its length where the text holds none. */
  readonly data_start: number;
}

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /\s/;
const WORD = /[A-Za-z0-9_.]/;
const READERS = new Set(['SELECT', 'WITH', 'FROM', '(']);
const ANSWERERS = new Set([...READERS, 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS', 'VALUES', 'CHECK']);

/** Tokens outside of brackets, one by one; strings and quoted names are one token, comments none. */
function* tokens(text: string): Generator<Token, void, undefined> {
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    const start = at;
    if (SPACE.test(char)) at++;
    else if (text.startsWith('--', at) || char === '#') at = endOf(text, '\n', at);
    else if (text.startsWith('/*', at)) at = endOf(text, '*/', at);
    else if (char === "'" || char === '"' || char === '`') {
      at = endOfQuoted(text, char, at);
      if (depth === 0) yield { text: text.slice(start, at), start, end: at };
    } else if (WORD.test(char)) {
      while (at < text.length && WORD.test(text[at])) at++;
      if (depth === 0) yield { text: text.slice(start, at), start, end: at };
    } else {
      at++;
      if (char === ')') depth = Math.max(0, depth - 1);
      if (depth === 0 || char === '(') yield { text: char, start, end: at };
      if (char === '(') depth++;
    }
  }
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

/** A backslash takes the next character with it; a doubled quote stands for one. */
function endOfQuoted(text: string, quote: string, from: number): number {
  let at = from + 1;
  while (at < text.length) {
    if (text[at] === '\\') at += 2;
    else if (text[at] !== quote) at++;
    else if (text[at + 1] === quote) at += 2;
    else return at + 1;
  }
  return text.length;
}

function firstWord(text: string): string {
  for (const token of tokens(text)) return token.text.toUpperCase();
  return '';
}

/** Whether the engine can give the rows of this statement piece by piece, or into a file. */
export function isQuery(text: string): boolean {
  return READERS.has(firstWord(text));
}

/** Whether the statement answers with rows in a format, and takes FORMAT at its end. */
export function hasAnswer(text: string): boolean {
  return ANSWERERS.has(firstWord(text));
}

/** Whether the statement names a file to read or write: a client's business, which a server never does on its own disk. */
export function namesFile(text: string): boolean {
  for (const { text: token } of tokens(text)) if (/^(outfile|infile)$/i.test(token)) return true;
  return false;
}

/** `FORMAT name` at the end of a statement, and the statement without it; undefined where there is none. */
export function formatClause(text: string): { readonly format: string; readonly statement: string } | undefined {
  let before: Token | undefined;
  let clause: { format: string; statement: string } | undefined;
  for (const token of tokens(text)) {
    if (before?.text.toUpperCase() === 'FORMAT' && /^[A-Za-z]\w*$/.test(token.text)) {
      clause = { format: token.text, statement: text.slice(0, before.start) };
      const rest = text.slice(token.end).replace(/^\s*;?\s*$/, '');
      // `FORMAT x SETTINGS …` is allowed too: the settings stay.
      if (rest !== '') clause = { format: token.text, statement: `${text.slice(0, before.start)} ${rest}` };
    }
    before = token;
  }
  return clause;
}

/** An INSERT whose data follows its FORMAT or VALUES, in the same text or behind it; undefined for everything else. */
export function insertStatement(text: string): InsertStatement | undefined {
  let settings_start: number | undefined;
  let before = '';
  let index = 0;
  for (const { text: token, start, end } of tokens(text)) {
    const word = token.toUpperCase();
    if (index === 0 && word !== 'INSERT') return undefined;
    if (index > 2 && (word === 'SELECT' || word === 'WITH' || word === 'INFILE')) return undefined;
    if (index > 2 && word === 'SETTINGS') settings_start ??= start;
    const isValues = index > 2 && word === 'VALUES';
    if (isValues || before === 'FORMAT') {
      const head_end = isValues ? start : text.slice(0, start).search(/\bformat\s+$/i);
      return {
        target: text.slice(0, settings_start ?? head_end).trim(),
        settings: settings_start === undefined ? '' : text.slice(settings_start, head_end).trim(),
        format: isValues ? 'Values' : token,
        data_start: dataStart(text, end),
      };
    }
    before = word;
    index++;
  }
  return undefined;
}

/** Spaces and one line end are between a format and its data: what follows belongs to the data, be it binary. */
function dataStart(text: string, from: number): number {
  const [gap] = /^[ \t]*(\r?\n)?/.exec(text.slice(from)) ?? [''];
  return from + gap.length;
}
