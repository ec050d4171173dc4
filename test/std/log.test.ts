import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BUILT } from '../harness/checkout.js';

const MODULE = pathToFileURL(join(BUILT, 'std', 'log.js')).href;

/** What a process writes to its standard output that logs as `body` says. */
function linesOf(options: object, body: string): string[] {
  const script = `import { createLog } from ${JSON.stringify(MODULE)};
    const log = createLog({ service: 'runtime', node: 'edge-1', ...${JSON.stringify(options)} });
    ${body}; log.flush();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

test('away from a terminal a line is a JSON object with level, time, service, node and fields', () => {
  const [line, ...others] = linesOf(
    { level: 'info', format: 'auto' },
    `log.info({ model: 'iris' }, 'loaded'); log.debug({}, 'no')`,
  );
  const { time, ...fields } = JSON.parse(line);
  assert.deepEqual(fields, { level: 'info', service: 'runtime', node: 'edge-1', model: 'iris', msg: 'loaded' });
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(others, []);
});

test('an error is logged with its message, its stack and its cause', () => {
  const [line] = linesOf(
    { level: 'error', format: 'json' },
    `log.error({ error: new Error('broken', { cause: new Error('rust') }) }, 'oh')`,
  );
  const { error } = JSON.parse(line);
  assert.match(error.message, /broken/);
  assert.match(error.stack, /rust/);
});

test('for people it is one line without service and node', () => {
  const [line] = linesOf({ level: 'info', format: 'pretty' }, `log.info({}, 'listening')`);
  assert.match(line, /INFO.*listening/);
  assert.doesNotMatch(line, /edge-1|\{/);
});
