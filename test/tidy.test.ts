import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECKOUT } from './harness/checkout.js';
import {
  functionsOf,
  type Import,
  importsOf,
  projectFiles,
  type SourceFile,
  sourceFile,
} from './harness/source-scan.js';

const MOST_FILE_LINES = 300;
const MOST_FUNCTION_LINES = 60;

/** Files that are longer than they should be, with the length they may have. Entries only ever shrink and go. */
const LONG_FILES: ReadonlyMap<string, number> = new Map([
  ['runtime/socket/tcp-connection.ts', 310],
  ['test/codec/tensor-decode.test.ts', 335],
  ['test/socket/http.test.ts', 320],
]);
/** The same for functions: the file, and its longest function. */
const LONG_FUNCTIONS: ReadonlyMap<string, number> = new Map();

/** Who may import whom: only downwards. The stages of the runtime stand in the order of docs/architecture.md. */
const RANKS: readonly (readonly string[])[] = [
  ['contract'],
  ['std'],
  ['clickhouse'],
  ['bus'],
  ['store'],
  ['feature-cache'],
  ['runtime/codec', 'runtime/respond', 'runtime/socket'],
  ['runtime/model'],
  ['runtime/worker'],
  ['runtime/predict-log'],
  ['runtime/batch'],
  ['runtime/admission'],
  ['runtime/observe'],
  ['runtime/agent'],
  ['runtime/http', 'runtime/websocket'],
  ['runtime'],
  ['control-plane'],
  ['client'],
  ['examples'],
  ['cli'],
  ['loadtest'],
  ['test'],
];

/** What stages agree on among themselves: every stage may know these, whatever its rank. */
const STAGE_CONTRACTS = new Set([
  'runtime/socket/face.ts',
  'runtime/model/served-version.ts',
  'runtime/admission/inference.ts',
  'runtime/observe/observer.ts',
]);

/** Narrower than the ranks. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  std: ['contract'],
  clickhouse: ['contract', 'std'],
  bus: ['contract', 'std'],
  store: ['contract', 'std', 'clickhouse'],
  'feature-cache': ['contract', 'std', 'clickhouse'],
  'control-plane': ['contract', 'std', 'clickhouse', 'bus'],
  'runtime/respond': ['contract', 'std', 'runtime/codec'],
  'runtime/socket': ['contract', 'std'],
  client: ['contract'],
  examples: ['client', 'std'],
};

const files = projectFiles();
const isCode = (path: string): boolean => /\.(ts|mjs)$/.test(path) && !path.endsWith('.d.ts');
const sources = files.filter(isCode).map(sourceFile);
const typescript = sources.filter(({ path }) => path.endsWith('.ts'));

function areaOf(path: string): string {
  const [top, stage, file] = path.split('/');
  return top === 'runtime' && file !== undefined ? `${top}/${stage}` : top;
}

function rankOf(area: string): number {
  return RANKS.findIndex((areas) => areas.includes(area));
}

function forEachImport(visit: (source: SourceFile, imported: Import) => string | undefined): string[] {
  return typescript.flatMap((source) =>
    importsOf(source).flatMap((imported) => {
      const complaint = visit(source, imported);
      return complaint === undefined ? [] : [`${source.path}: ${complaint}`];
    }),
  );
}

test('every source folder has a rank', () => {
  const unknown = typescript.map(({ path }) => areaOf(path)).filter((area) => rankOf(area) < 0);
  assert.deepEqual([...new Set(unknown)], []);
});

test('imports point downwards: contract, std, the stages in their order, faces, node, commands', () => {
  const wrong = forEachImport(({ path }, { target, isOwn }) => {
    const [from, to] = [areaOf(path), areaOf(target)];
    if (!isOwn || from === to || (from.startsWith('runtime') && STAGE_CONTRACTS.has(target))) return undefined;
    const narrow = MAY_IMPORT[from];
    if (narrow !== undefined) return narrow.includes(to) ? undefined : `imports ${target}; it may import ${narrow}`;
    return rankOf(to) < rankOf(from) ? undefined : `imports ${target}, which does not stand below it`;
  });
  assert.deepEqual(wrong, []);
});

test('the contract depends on nothing but the schema library, and only socket/ knows which library serves', () => {
  const wrong = forEachImport(({ path }, { target, isOwn }) => {
    if (isOwn) return undefined;
    if (areaOf(path) === 'contract' && target !== 'zod') return `imports ${target}`;
    const isSocketLibrary = target === 'uWebSockets.js' || target === 'ws' || target === 'node:http';
    const isInside = areaOf(path) === 'runtime/socket' || !path.startsWith('runtime/');
    return isSocketLibrary && !isInside ? `imports ${target}` : undefined;
  });
  assert.deepEqual(wrong, []);
});

test('no import goes round in a circle', () => {
  const graph = new Map(
    typescript.map((source) => [
      source.path,
      importsOf(source)
        .filter((each) => each.isOwn && !each.isType)
        .map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' → '));
    if (way.includes(path) || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(circles, []);
});

/** Complaints about what is longer than `most`, and about entries of the list that have become too generous. */
function ratchet(
  what: string,
  lengths: ReadonlyMap<string, number>,
  most: number,
  listed: ReadonlyMap<string, number>,
): string[] {
  const complaints: string[] = [];
  for (const [path, length] of lengths) {
    const allowed = listed.get(path) ?? most;
    if (length > allowed) complaints.push(`${path}: ${what} of ${length} lines, at most ${allowed}`);
  }
  for (const path of listed.keys()) {
    const length = lengths.get(path) ?? 0;
    if (length <= most) complaints.push(`${path}: ${what} of ${length} lines needs no entry in the list any more`);
  }
  return complaints;
}

test('files and functions stay short, and the exceptions shrink', () => {
  const lengths = new Map(sources.map(({ path, text }) => [path, text.trimEnd().split('\n').length]));
  const longest = new Map(
    sources.map((source) => [source.path, Math.max(0, ...functionsOf(source).map(({ lines }) => lines))]),
  );
  assert.deepEqual(
    [
      ...ratchet('a file', lengths, MOST_FILE_LINES, LONG_FILES),
      ...ratchet('a function', longest, MOST_FUNCTION_LINES, LONG_FUNCTIONS),
    ],
    [],
  );
});

test('files are named in kebab-case, and by what they are', () => {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|property|test-d))*\.(ts|mjs)$/;
  const empty = /(^|[-/.])(utils?|helpers?|managers?|common|misc|stuff)([-/.]|$)/;
  const wrong = sources
    .map(({ path }) => path)
    .filter((path) => !kebab.test(path.split('/').at(-1) ?? '') || empty.test(path));
  assert.deepEqual(wrong, []);
});

/** Spelt so that this file does not contain them. */
const word = (...parts: string[]): string => parts.join('');
const FORBIDDEN_TEXT: readonly (readonly [why: string, pattern: RegExp])[] = [
  ['unfinished work belongs in an issue', new RegExp(word('\\b(TO', 'DO|FIX', 'ME|XX', 'X)\\b'))],
  ['the compiler is not silenced', new RegExp(word('@ts', '-(ignore|nocheck|expect-error)'))],
  ['the linter is not silenced', new RegExp(word('(biome', '|eslint)-(ignore|disable)'))],
];
const FORBIDDEN_CODE: readonly (readonly [why: string, pattern: RegExp])[] = [
  ['any', /(:|\bas|<|\|)\s*any\b(\[\])?\s*([,;)=>|[{\n]|$)/],
  ['an empty catch', /catch\s*(\([^)]*\))?\s*\{\s*\}/],
  ['an enum or a namespace', /^\s*(export )?(declare )?(const )?(enum|namespace) \w+/m],
  ['a test that leaves others out', /\b(test|it|describe)\.only\b/],
];

test('nothing is silenced, left unfinished, or erased at run time', () => {
  const wrong = sources.flatMap(({ path, text, code }) => [
    ...FORBIDDEN_TEXT.filter(([, pattern]) => pattern.test(text)).map(([why]) => `${path}: ${why}`),
    // A comment in a catch is the reason that it needs: only the truly empty one has nothing in the text either.
    ...FORBIDDEN_CODE.filter(([why, pattern]) => pattern.test(why === 'an empty catch' ? text : code)).map(
      ([why]) => `${path}: ${why}`,
    ),
  ]);
  assert.deepEqual(wrong, []);
});

test('no file names a place: a directory of one machine, or the host that packages came from', () => {
  const places = [
    new RegExp(word('(^|[\\s"\'`(=:])/(home', '|root|Users|work|workspace|tmp)/')),
    new RegExp(word('registry\\.npm', 'js|registry\\.yarn|pypi\\.org|files\\.python', 'hosted')),
  ];
  const { npm_config_registry } = process.env;
  const host = npm_config_registry === undefined ? undefined : new URL(npm_config_registry).host;
  const wrong = files
    .filter((path) => /\.(ts|mjs|json|md|yaml|yml|py|sh)$|^\.|run$/.test(path))
    .filter((path) => {
      const text = readFileSync(join(CHECKOUT, path), 'utf8');
      return places.some((place) => place.test(text)) || (host !== undefined && host !== '' && text.includes(host));
    });
  assert.deepEqual(wrong, []);
});

/** Binaries of an optional dependency that not every registry has: named, so that npm ci takes the file, and pinned by their version. */
const WITHOUT_HASH = ['darwin-arm64', 'darwin-x64', 'linux-arm64-gnu'].map(
  (platform) => `node_modules/@chdb/lib-${platform}`,
);

test('the lock file pins every package by its hash, and none by a host', () => {
  const lock: { packages: Record<string, { integrity?: string; resolved?: string }> } = JSON.parse(
    readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8'),
  );
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  assert.ok(packages.length > 0);
  assert.deepEqual(
    packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  );
  assert.deepEqual(
    packages.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path),
    [...WITHOUT_HASH],
  );
});

test('every test asserts something', () => {
  const tests = typescript.filter(({ path }) => path.endsWith('.test.ts'));
  const idle = tests.filter(
    ({ code }) => !/\bassert\b[\w.]*\(|\bassert[A-Z]\w*\(/.test(code) || !/\b(test|it)\(/.test(code),
  );
  assert.ok(tests.length > 10);
  assert.deepEqual(
    idle.map(({ path }) => path),
    [],
  );
});

test('this test sees what it looks for', () => {
  const scan = (text: string): SourceFile => ({ ...sourceFile('test/tidy.test.ts'), text, code: text });
  const body = '\n  go();'.repeat(MOST_FUNCTION_LINES);
  const measured = (head: string): number => functionsOf(scan(`${head} {${body}\n}`))[0]?.lines ?? 0;
  for (const head of ['function f()', 'const f = () =>', 'async f(a: B): Promise<readonly C[]>', 'get x()']) {
    assert.equal(measured(head), MOST_FUNCTION_LINES + 2, head);
  }
  for (const head of ['if (a)', 'for (const a of b())', 'class A', 'const a =']) assert.equal(measured(head), 0, head);
});
