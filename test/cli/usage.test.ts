import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SETTINGS } from '../../std/config.js';
import { temporaryFolder } from '../harness/checkout.js';
import { tidegate } from './command.js';

const COMMANDS = [
  ['runtime'],
  ['store'],
  ['control-plane'],
  ['nats'],
  ['nats-key'],
  ['check'],
  ['push'],
  ['pull'],
  ['apply'],
  ['diff'],
  ['models'],
  ['versions'],
  ['alias'],
  ['promote'],
  ['deploy'],
  ['rollback'],
  ['undeploy'],
  ['deployments'],
  ['nodes', 'list'],
  ['nodes', 'drain'],
  ['drift'],
  ['references', 'list'],
  ['references', 'show'],
  ['references', 'create'],
  ['up'],
  ['config'],
  ['served'],
  ['status'],
  ['predict'],
  ['setup', 'cuda'],
  ['setup', 'tensorflow'],
  ['doctor'],
  ['convert'],
  ['optimize'],
  ['version'],
];

for (const command of COMMANDS) {
  test(`tidegate ${command.join(' ')} --help has a description and an example`, async () => {
    const { code, stdout, stderr } = await tidegate([...command, '--help']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Usage: tidegate/);
    assert.match(stdout, /Examples?:\n {2}((TIDEGATE|CLICKHOUSE|NATS)_\w+=\S+ )?tidegate /);
  });
}

test('the help of the program names every command and the exit codes', async () => {
  const { code, stdout } = await tidegate(['--help']);
  assert.equal(code, 0);
  for (const [command] of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${command}\\b`, 'm'));
  assert.match(stdout, /Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not reachable/);
});

test('the help of the runtime has every setting with its variable', async () => {
  const { stdout } = await tidegate(['runtime', '--help'], { env: { COLUMNS: '400' } });
  for (const { flag, variable } of SETTINGS) {
    assert.match(stdout, new RegExp(`^ {2}${flag} .*\\[${variable}\\]$`, 'm'));
  }
});

test('the version is the one of the package', async () => {
  const [{ stdout: command }, { stdout: flag }] = await Promise.all([tidegate(['version']), tidegate(['--version'])]);
  assert.match(flag, /^\d+\.\d+\.\d+\n$/);
  assert.equal(command, `tidegate ${flag.trim()} (Node.js ${process.version})\n`);
});

const WRONG: readonly [what: string, args: readonly string[], env: Readonly<Record<string, string>>, says: RegExp][] = [
  ['nothing', [], {}, /Usage: tidegate/],
  ['an unknown command', ['sttus'], {}, /unknown command 'sttus'\n\(Did you mean status\?\)/],
  ['an unknown flag', ['runtime', '--prot', '1'], {}, /unknown option '--prot'\n\(Did you mean --port\?\)/],
  ['a flag without its value', ['runtime', '--port'], {}, /argument missing/],
  ['an unknown variable', ['config'], { TIDEGATE_PORT: '1' }, /TIDEGATE_PORT is no setting/],
  [
    'a value that cannot be',
    ['runtime', '--port', 'http'],
    {},
    /^tidegate: port is 'http' \(from the flag\): give a number\n$/,
  ],
  ['an address that is none', ['status', '--url', 'nonsense'], {}, /--url is 'nonsense': give one like/],
  ['a request that is no JSON', ['predict', 'iris', '--json', '{'], {}, /--json is not JSON/],
  ['two requests', ['predict', 'iris', '--json', '{}', '--random'], {}, /cannot be used with/],
  ['no model', ['predict'], {}, /missing required argument 'model'/],
];
for (const [what, args, env, says] of WRONG) {
  test(`wrong usage ends with 2 and says what is wrong: ${what}`, async () => {
    const { code, stderr, stdout } = await tidegate(args, { env });
    assert.equal(code, 2, stdout);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack');
  });
}

test('with the log level debug an error has its stack', async () => {
  const { code, stderr } = await tidegate(['runtime', '--port', 'http'], { env: { TIDEGATE_LOG_LEVEL: 'debug' } });
  assert.equal(code, 2);
  assert.match(stderr, /\n {4}at /);
});

test('config prints each value and where it came from', async (t) => {
  const cwd = await temporaryFolder(t, 'config');
  await writeFile(join(cwd, 'tidegate.yaml'), 'workers: 3\nlimits:\n  keep_alive_ms: 90s\n');
  const { code, stdout } = await tidegate(['config', '--port', '81'], { env: { TIDEGATE_HOST: '::1' }, cwd });
  assert.equal(code, 0);
  const rows = new Map(stdout.split('\n').map((line) => [line.split(/ {2,}/)[0], line.split(/ {2,}/)]));
  const of = (key: string) => rows.get(key)?.slice(1, 3);
  assert.deepEqual(of('port'), ['81', 'flag']);
  assert.deepEqual(of('host'), ['::1', 'variable']);
  assert.deepEqual(of('workers'), ['3', 'file']);
  assert.deepEqual(of('limits.keep_alive_ms'), ['90s', 'file']);
  assert.deepEqual(of('limits.max_body_bytes'), ['64MiB', 'default']);
});

test('a file that is no YAML, or is not there, is named', async (t) => {
  const cwd = await temporaryFolder(t, 'config');
  await writeFile(join(cwd, 'bad.yaml'), 'port: [1');
  const bad = await tidegate(['config', '--config', 'bad.yaml'], { cwd });
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /bad\.yaml cannot be read as YAML/);
  const none = await tidegate(['config', '--config', 'none.yaml'], { cwd });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /none\.yaml cannot be read.*ENOENT/);
});
