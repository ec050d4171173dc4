import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { type ConfigInput, type ResolvedConfig, resolveConfig, SETTINGS, type Setting } from '../../std/config.js';
import { quantityText } from '../../std/quantity.js';
import { CHECKOUT } from '../harness/checkout.js';

interface Given {
  readonly flags?: Readonly<Record<string, string | boolean>>;
  readonly env?: ConfigInput['env'];
  readonly file?: unknown;
}

function resolve({ flags = {}, env = {}, file }: Given): ResolvedConfig {
  return resolveConfig({ flags: new Map(Object.entries(flags)), env, file });
}

function refusal(given: Given): string {
  try {
    resolve(given);
  } catch (error) {
    assert.ok(error instanceof TidegateError && error.code === 'INVALID_CONFIG', String(error));
    return error.message;
  }
  return assert.fail('it was taken');
}

test('without anything there are defaults, and each says so', () => {
  const { config, sources } = resolve({});
  assert.equal(config.port, 8080);
  assert.equal(config.host, '127.0.0.1');
  assert.deepEqual(config.limits, DEFAULT_LIMITS);
  assert.deepEqual([...new Set(sources.values())], ['default']);
  assert.equal(sources.size, SETTINGS.length);
});

test('a flag goes before a variable, a variable before the file, the file before the default', () => {
  const file = { port: 1, workers: 1, host: 'file', limits: { ws_credits: 1 } };
  const env = { TIDEGATE_HTTP_PORT: '2', TIDEGATE_WORKERS: '2', PATH: 'x' };
  const { config, sources } = resolve({ flags: { port: '3' }, env, file });
  assert.deepEqual([config.port, config.workers, config.host, config.limits.ws_credits], [3, 2, 'file', 1]);
  const of = (key: string) => sources.get(key);
  assert.deepEqual(
    [of('port'), of('workers'), of('host'), of('limits.ws_credits'), of('socket')],
    ['flag', 'variable', 'file', 'file', 'default'],
  );
});

test('a variable that is empty says nothing', () => {
  assert.equal(resolve({ env: { TIDEGATE_HTTP_PORT: '' } }).sources.get('port'), 'default');
});

test('sizes and durations are read wherever they stand', () => {
  const { limits } = resolve({
    flags: { 'limits.drain_timeout_ms': '5s' },
    env: { TIDEGATE_LIMIT_MAX_BODY_BYTES: '128MiB' },
    file: { limits: { keep_alive_ms: '2m', request_timeout_ms: 10 } },
  }).config;
  assert.equal(limits.drain_timeout_ms, 5000);
  assert.equal(limits.max_body_bytes, 128 * 1024 * 1024);
  assert.equal(limits.keep_alive_ms, 120_000);
  assert.equal(limits.request_timeout_ms, 10);
});

test('switches are read from each source', () => {
  assert.equal(resolve({ flags: { log_requests: true } }).config.log_requests, true);
  assert.equal(resolve({ flags: { log_requests: 'false' }, file: { log_requests: true } }).config.log_requests, false);
  assert.equal(resolve({ env: { TIDEGATE_LOG_REQUESTS: '1' } }).config.log_requests, true);
});

test('every setting has a flag, a variable, a description and a default that is valid', () => {
  for (const setting of SETTINGS) {
    assert.match(setting.flag, /^--[a-z]+(-[a-z]+)*$/);
    assert.match(setting.variable, /^(TIDEGATE|CLICKHOUSE|NATS)_[A-Z]+(_[A-Z]+)*$/);
    assert.notEqual(setting.description, '', setting.key);
    assert.notEqual(setting.default, undefined, setting.key);
  }
  for (const name of ['flag', 'variable', 'key'] as const) {
    assert.equal(new Set(SETTINGS.map((setting) => setting[name])).size, SETTINGS.length);
  }
});

const REFUSED: readonly [what: string, given: Given, says: RegExp][] = [
  ['an unknown variable', { env: { TIDEGATE_WORKER: '1' } }, /TIDEGATE_WORKER is no setting, but TIDEGATE_WORKERS is/],
  ['an unknown key', { file: { prot: 1 } }, /'prot'.*but port is/],
  [
    'an unknown limit',
    { file: { limits: { max_body_byte: 1 } } },
    /limits\.max_body_byte'.*but limits\.max_body_bytes is/,
  ],
  ['a limit at the top', { file: { max_body_bytes: 1 } }, /'max_body_bytes', which is no setting/],
  ['a file that is a list', { file: [1] }, /the file must be a map/],
  ['limits that are a number', { file: { limits: 3 } }, /limits must be a map/],
  ['a port that is text', { flags: { port: 'http' } }, /port is 'http' \(from the flag\): give a number/],
  ['a port that is too large', { env: { TIDEGATE_HTTP_PORT: '65536' } }, /port is 65536 \(from the variable\)/],
  ['a port that is no whole number', { flags: { port: '80.5' } }, /port is 80\.5/],
  ['a switch that is neither', { env: { TIDEGATE_LOG_REQUESTS: 'maybe' } }, /give true or false/],
  ['a choice that is not there', { file: { socket: 'udp' } }, /socket is "udp" \(from the file\)/],
  ['a number where text belongs', { file: { host: 5 } }, /host is 5 \(from the file\)/],
  ['a unit of another kind', { flags: { 'limits.max_body_bytes': '5s' } }, /a number, alone or with b, kib/],
  ['a limit of 0', { flags: { 'limits.max_connections': '0' } }, /limits\.max_connections is 0/],
  ['limits that contradict each other', { flags: { 'limits.max_body_bytes': '1GiB' } }, /max_queue_bytes .* at least/],
];
for (const [what, given, says] of REFUSED) {
  test(`refused by name, value and source: ${what}`, () => assert.match(refusal(given), says));
}

test('every setting is in docs/configuration.md with its flag, variable, default and meaning, and nothing else is', () => {
  const text = readFileSync(join(CHECKOUT, 'docs', 'configuration.md'), 'utf8');
  const documented = text.split('\n').filter((line) => /^\| `.*(TIDEGATE|CLICKHOUSE|NATS)_/.test(line));
  // The page groups them as a reader looks for them.
  assert.deepEqual(documented.sort(), SETTINGS.map(documentedRow).sort());
});

/** | `key` | `flag` | `variable` | default | meaning | */
function documentedRow({ key, flag, variable, description, default: value }: Setting): string {
  const [meaning, machine] = description.split('; default: ');
  return `| \`${key}\` | \`${flag}\` | \`${variable}\` | ${machine ?? (quantityText(value, key) || 'none')} | ${meaning} |`;
}
