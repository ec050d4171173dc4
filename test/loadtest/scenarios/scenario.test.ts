import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TidegateError } from '../../../contract/error.js';
import { expectedOf } from '../../../loadtest/open-loop/schedule.js';
import { requestFor } from '../../../loadtest/scenarios/request.js';
import { planOf, runScenario, type ScenarioOptions, target } from '../../../loadtest/scenarios/run-scenario.js';
import { SCENARIOS, type Scenario, scenarioNamed } from '../../../loadtest/scenarios/scenario.js';
import { stallingServer } from '../stalling-server.js';

const OPTIONS: ScenarioOptions = {
  url: undefined,
  model: 'small',
  rate_per_s: 100,
  time_scale: 0.1,
  seed: 1,
  remote_consent: false,
};

function message(thrown: unknown): string {
  assert.ok(thrown instanceof TidegateError, String(thrown));
  return thrown.message;
}

test('an unknown scenario is told with the name that was probably meant', () => {
  assert.throws(
    () => scenarioNamed('stedy'),
    (thrown) => /there is no scenario 'stedy', did you mean 'steady'\?/.test(message(thrown)),
  );
  assert.throws(
    () => scenarioNamed('toString'),
    (thrown) => /There are: steady, ramp/.test(message(thrown)),
  );
});

test('another machine is loaded only by explicit consent', () => {
  assert.throws(
    () => target('http://models.example:8080', false),
    (thrown) => /another machine.*--yes-load-another-machine/.test(message(thrown)),
  );
  assert.equal(target('http://models.example:8080', true).hostname, 'models.example');
  for (const own of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1']) assert.ok(target(own, false));
  assert.throws(
    () => target('127.0.0.1:8080', false),
    (thrown) => /give one like/.test(message(thrown)),
  );
});

test('every scenario is bounded in time, and ramps go past the peak', () => {
  const inputs = [{ name: 'input', datatype: 'FP32', shape: [-1, 32] }];
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    const requests = scenario.traffic.map((traffic) => requestFor('small', inputs, traffic, traffic.weight));
    const plan = planOf(scenario, { time_scale: 1, seed: 1 }, { host: '127.0.0.1', port: 1, base: 10, requests });
    assert.ok(
      plan.phases.every((phase) => expectedOf(phase) > 0),
      name,
    );
    assert.throws(
      () => planOf(scenario, { time_scale: 1000, seed: 1 }, { host: '127.0.0.1', port: 1, base: 10, requests }),
      (thrown) => /is the longest/.test(message(thrown)),
    );
  }
  assert.ok(Math.max(...SCENARIOS['ramp'].steps.map(({ to }) => to)) >= 2);
});

test('requests have the rows that the scenario says, in both forms', () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }];
  const json = requestFor('m', inputs, { weight: 1, rows: 8, form: 'json' }, 1);
  const binary = requestFor('m', inputs, { weight: 1, rows: 8, form: 'binary' }, 1);
  assert.match(json.members, /"shape":\[8,3\]/);
  assert.equal(binary.tensors.length, 8 * 3 * 4);
  const whole = [{ name: 'x', datatype: 'INT64', shape: [-1] }];
  assert.throws(() => requestFor('m', whole, { weight: 1, rows: 1, form: 'binary' }, 1), /INT64: binary loads/);
});

test('a scenario that brings its own runtime refuses a server that runs already', async () => {
  await assert.rejects(runScenario('swap', SCENARIOS['swap'], { ...OPTIONS, url: 'http://127.0.0.1:1' }), (thrown) =>
    /'swap' brings a runtime with its swaps: run it without --url/.test(message(thrown)),
  );
});

/** Each with its own node, over two seconds. */
const RUN: readonly [name: string, changes: Partial<Scenario>][] = [
  ['steady', {}],
  ['mixed-sizes', {}],
  ['slow-clients', {}],
  ['reconnect-storm', {}],
  ['reconnect-storm-websocket', {}],
  ['swap', { swap_every_ms: 400 }],
  ['store-down', {}],
  ['mixed-models', { models: 12 }],
];
for (const [name, changes] of RUN) {
  test(`${name}: a node of its own answers every request`, async () => {
    const { phases, scenario } = await runScenario(name, { ...SCENARIOS[name], ...changes }, OPTIONS);
    assert.equal(scenario, name);
    for (const { offered, ok } of phases) assert.deepEqual([offered > 0, ok], [true, offered]);
  });
}

test('spike: the phases are as long and as heavy as the data says', async () => {
  const { phases } = await runScenario('spike', SCENARIOS['spike'], { ...OPTIONS, rate_per_s: 50, time_scale: 0.05 });
  assert.deepEqual(
    phases.map(({ name, duration_ms }) => [name, duration_ms]),
    [
      ['before', 300],
      ['spike', 150],
      ['after', 400],
    ],
  );
  assert.ok(phases[1].offered_per_s > 3 * phases[0].offered_per_s);
});

test('the command ends with 2 for a wrong name and 4 when no server answers, and says so', async () => {
  const server = await stallingServer(0, 0);
  await server.close();
  const command = fileURLToPath(new URL('../../../loadtest/load.js', import.meta.url));
  const run = async (...args: string[]) => {
    const failed: unknown = await promisify(execFile)(process.execPath, [command, ...args]).catch(
      (error: unknown) => error,
    );
    assert.ok(failed instanceof Error && 'code' in failed && 'stderr' in failed);
    return [failed.code, String(failed.stderr)] as const;
  };
  const [wrong, hint] = await run('soack');
  assert.equal(wrong, 2);
  assert.match(hint, /did you mean 'soak'/);
  const [unreachable, reason] = await run('steady', '--url', `http://127.0.0.1:${server.port}`);
  assert.equal(unreachable, 4);
  assert.match(reason, new RegExp(`no server answers at http://127\\.0\\.0\\.1:${server.port}`));
});
