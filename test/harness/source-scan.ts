import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { CHECKOUT } from './checkout.js';

export interface SourceFile {
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the insides of strings blanked, of the same length. */
  readonly code: string;
}

const NOT_OURS = /^(node_modules|dist|dist-.*|\.git|\.tidegate|\.venv|\.cache)$/;

/** Every file that belongs to the project: what git tracks or would; without git, what lies there. */
export function projectFiles(): readonly string[] {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      cwd: CHECKOUT,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      // Where there is no repository git says so on stderr, which is nobody's concern here.
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], options);
    const deleted = new Set(execFileSync('git', ['ls-files', '--deleted', '-z'], options).split('\0'));
    return [...new Set(listed.split('\0'))].filter((path) => path !== '' && !deleted.has(path)).sort();
  } catch {
    return walk('');
  }
}

function walk(folder: string): string[] {
  return readdirSync(join(CHECKOUT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.test(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

export function sourceFile(path: string): SourceFile {
  const text = readFileSync(join(CHECKOUT, path), 'utf8');
  return { path, text, code: blankText(text) };
}

type Blanker = (text: string, at: number) => number;

const LINE_COMMENT: Blanker = (text, at) => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};
const BLOCK_COMMENT: Blanker = (text, at) => {
  const end = text.indexOf('*/', at + 2);
  return end < 0 ? text.length : end + 2;
};

/** Where a string or a regular expression that starts at `at` ends. */
function literalEnd(text: string, at: number, close: string): number {
  let inClass = false;
  for (let i = at + 1; i < text.length; i++) {
    const char = text[i];
    if (char === '\\') i++;
    else if (char === '\n' && close !== '`') return i;
    else if (close === '/' && char === '[') inClass = true;
    else if (close === '/' && char === ']') inClass = false;
    else if (char === close && !inClass) return i + 1;
    else if (close === '`' && char === '$' && text[i + 1] === '{') i = substitutionEnd(text, i + 1);
  }
  return text.length;
}

/** The closing brace of a template's substitution, with what nests in it. */
function substitutionEnd(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const char = text[i];
    if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return i;
    else if (char === '`' || char === "'" || char === '"') i = literalEnd(text, i, char) - 1;
  }
  return text.length;
}

/** After these a slash divides; after anything else it starts a regular expression. */
const BEFORE_DIVISION = /[\w$)\]}]\s*$/;
const BEFORE_REGEXP = /\b(return|case|typeof|in|of|delete|void|throw|new|else|do|await|yield)\s*$/;

function blankText(text: string): string {
  const parts: string[] = [];
  const blank = (from: number, to: number): void => {
    parts.push(text.slice(from, to).replaceAll(/[^\n]/g, ' '));
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at];
    const next = text[at + 1];
    let end = at;
    if (char === '/' && next === '/') end = LINE_COMMENT(text, at);
    else if (char === '/' && next === '*') end = BLOCK_COMMENT(text, at);
    else if (char === "'" || char === '"' || char === '`') end = literalEnd(text, at, char);
    else if (char === '/') {
      const before = text.slice(Math.max(0, at - 40), at);
      if (!BEFORE_DIVISION.test(before) || BEFORE_REGEXP.test(before)) end = literalEnd(text, at, '/');
    }
    if (end > at) {
      blank(at, end);
      at = end;
    } else {
      parts.push(char);
      at++;
    }
  }
  return parts.join('');
}

const IMPORT = /\b(?:from|import)\s*\(?\s*'([^']+)'/g;

export interface Import {
  /** The file in the project, or the package. */
  readonly target: string;
  readonly isOwn: boolean;
  /** Erased by the compiler: `import type`. */
  readonly isType: boolean;
}

export function importsOf({ path, text }: SourceFile): readonly Import[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1];
    const isOwn = specifier.startsWith('.');
    const start = text.lastIndexOf('import', match.index);
    const isType = /^(import|export) type\b/.test(text.slice(start));
    const target = isOwn ? normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts') : specifier;
    return { target, isOwn, isType };
  });
}

export interface MeasuredFunction {
  readonly line: number;
  readonly lines: number;
}

const CONTROL = /\b(if|for|while|switch|catch|with|await)\s*$/;

/** A suite is a list of tests, as long as it has to be. */
const SUITE = /\bdescribe\([^;{}]*(\{[^{}]*\}[^;{}]*)?=>$/;

/** The functions of a file that have a block, by a light reading of the braces. */
export function functionsOf({ code }: SourceFile): readonly MeasuredFunction[] {
  const open: { readonly start: number; readonly isFunction: boolean }[] = [];
  const found: MeasuredFunction[] = [];
  for (let at = 0; at < code.length; at++) {
    if (code[at] === '{') open.push({ start: at, isFunction: opensFunction(code, at) });
    if (code[at] !== '}') continue;
    const block = open.pop();
    if (block?.isFunction) {
      const line = lineAt(code, block.start);
      found.push({ line, lines: lineAt(code, at) - line + 1 });
    }
  }
  return found;
}

function lineAt(code: string, at: number): number {
  return code.slice(0, at).split('\n').length;
}

function opensFunction(code: string, brace: number): boolean {
  const before = code.slice(Math.max(0, brace - 2000), brace).trimEnd();
  if (before.endsWith('=>')) return !SUITE.test(before.slice(-400));
  const typed = /\)\s*:\s*[^(){};=]*$/.exec(before);
  const close = before.endsWith(')') ? before.length - 1 : (typed?.index ?? -1);
  if (close < 0) return false;
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (before[at] === ')') depth++;
    if (before[at] === '(' && --depth === 0) return !CONTROL.test(before.slice(0, at));
  }
  return false;
}
