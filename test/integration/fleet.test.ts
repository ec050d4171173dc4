import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdderLoad } from '../harness/adder-load.js';
import { until } from '../harness/ask.js';
import { asked, startFleet } from '../harness/fleet.js';

const ADDS = new Map([
  ['1', 1],
  ['2', 2],
]);

test('a version that is pushed and deployed is served by every node of the ring; a swap and a rollback fail no request', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const [first, second] = await Promise.all([fleet.node('edge-1', 'ring=a'), fleet.node('edge-2', 'ring=b')]);
  await asked(control, ['push', await fleet.adder(1), '--model', 'adder', '--alias', 'champion']);
  assert.match(await asked(control, ['push', await fleet.adder(2), '--model', 'adder']), /adder version 2/);
  assert.match(await asked(control, ['push', await fleet.adder(2), '--model', 'adder']), /version 2: the same content/);
  const pulled = join(fleet.folder, 'pulled');
  assert.match(await asked(control, ['pull', 'adder@champion', pulled]), /is version 1: 2 files/);
  assert.match(
    await asked(control, ['push', pulled, '--model', 'adder']),
    /version 1: the same content/,
    'as it was pushed',
  );
  const carded = await fleet.adder(1);
  await writeFile(join(carded, 'MODEL_CARD.md'), '# Adds one');
  await asked(control, ['push', carded, '--model', 'carded']);
  assert.equal(await (await fetch(`${control.url}/v1/models/carded/versions/1/card`)).text(), '# Adds one');
  assert.equal((await fetch(`${control.url}/v1/models/adder/versions/1/card`)).status, 404);
  assert.match(await asked(control, ['deploy', 'adder@champion', '--selector', 'ring=a']), /epoch \d+: converged/);
  assert.notEqual((await fetch(`${second.url}/v2/models/adder/ready`)).status, 200);
  await asked(control, ['deploy', 'adder@1']);
  const loads = [first, second].map((node) => new AdderLoad(node, 'adder', ADDS));
  for (let round = 0; round < 3; round++) {
    await asked(control, ['deploy', 'adder@2']);
    await asked(control, ['rollback', 'adder']);
  }
  await asked(control, ['deploy', 'adder@2', '--canary', '1=50']);
  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) {
    assert.deepEqual(load.failures, []);
    assert.ok((load.versions.get('1') ?? 0) > 0 && (load.versions.get('2') ?? 0) > 0);
  }
});

test('kill -9 of NATS, of the control plane and of another node fails no request; what was asked meanwhile is done when they are back', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const [first, second] = await Promise.all([fleet.node('edge-1'), fleet.node('edge-2')]);
  await asked(control, ['push', await fleet.adder(1), '--model', 'adder']);
  await asked(control, ['push', await fleet.adder(2), '--model', 'adder']);
  await asked(control, ['deploy', 'adder@1']);
  const load = new AdderLoad(first, 'adder', ADDS);
  const before = load.answered;
  await fleet.nats.kill();
  await until('the node answers without NATS', () => load.answered > before + 50);
  assert.match(await asked(control, ['deploy', 'adder@2', '--wait', '0'], 1), /BUS_UNAVAILABLE/);
  await fleet.nats.restart();
  await until('the control plane has NATS again', async () => (await fetch(`${control.url}/v1/models/adder`)).ok);
  await second.kill();
  await asked(control, ['deploy', 'adder@2', '--wait', '0']);
  await control.kill();
  await control.start();
  await second.start();
  const converged = async (): Promise<boolean> => {
    const text = await asked(control, ['deployments']).catch(() => '');
    return /adder +2 +\d+ +converged +2 of 2/.test(text);
  };
  await until('both nodes serve what was desired', converged);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal((await fetch(`${second.url}/v2/models/adder/versions/2/ready`)).status, 200);
});

test('a node that starts without NATS serves what it knew last, from its own disk, and says so', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const node = await fleet.node('edge-1');
  await asked(control, ['push', await fleet.adder(2), '--model', 'adder']);
  await asked(control, ['deploy', 'adder@1']);
  await node.kill();
  await fleet.nats.kill();
  await node.start();
  await until('it serves', async () => (await fetch(`${node.url}/v2/models/adder/ready`)).status === 200);
  assert.match(node.output, /model adder begins with epoch \d+, from this node's disk/);
  assert.match(node.output, /this node is without its fleet/);
  await fleet.nats.restart();
  await until('it is heard of again', () =>
    asked(control, ['nodes']).then(
      (text) => /edge-1 .*adder@1/.test(text),
      () => false,
    ),
  );
});

test('when the control plane that leads is killed, another one takes over within 10 s and finishes what was begun', async (t) => {
  const fleet = await startFleet(t);
  const controls = await Promise.all([fleet.control('control-1'), fleet.control('control-2')]);
  await fleet.node('edge-1', 'ring=a');
  const leads = async (url: string): Promise<boolean> => {
    const text = await fetch(`${url}/v1/fleet`).then((response) => response.text());
    return /"leads":true/.test(text);
  };
  let leader = -1;
  await until('one of them leads', async () => {
    const each = await Promise.all(controls.map(({ url }) => leads(url).catch(() => false)));
    leader = each.indexOf(true);
    assert.ok(each.filter(Boolean).length <= 1, 'never two');
    return leader >= 0;
  });
  const other = controls[1 - leader];
  await asked(other, ['push', await fleet.adder(1), '--model', 'adder']);
  // One replica is placed by whoever leads: nobody else chooses its node.
  await asked(controls[leader], ['deploy', 'adder@1', '--replicas', '1', '--wait', '0']);
  await controls[leader].kill();
  const killed_ms = performance.now();
  await until('the other one leads', () => leads(other.url));
  assert.ok(performance.now() - killed_ms < 10_000, `it took ${performance.now() - killed_ms} ms`);
  await until('and has placed it', () =>
    asked(other, ['deployments']).then((text) => /adder +1 +\d+ +converged +1 of 1/.test(text)),
  );
});

test('what is wrong with a push is told, and nothing of it is a version', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const directory = await fleet.adder(1);
  await writeFile(`${directory}/model.onnx`, Buffer.from('not a model at all'));
  assert.match(await asked(control, ['push', directory, '--model', 'adder'], 3), /not accepted.*MODEL_LOAD_FAILED/s);
  assert.match(await asked(control, ['push', directory, '--model', 'Ad der'], 3), /'Ad der' is no name of a model/);
  assert.match(await asked(control, ['versions', 'adder'], 3), /no model 'adder'/);
  await asked(control, ['push', await fleet.adder(1), '--model', 'adder']);
  assert.match(await asked(control, ['alias', 'adder', 'champion', '7'], 3), /no version 7/);
  assert.match(await asked(control, ['deploy', 'adder@2'], 3), /no version 2/);
  assert.match(await asked(control, ['deploy', 'adder@nobody'], 3), /no version or alias 'nobody'/);
  const wrong = await fetch(`${control.url}/v1/deployments/adder`, {
    method: 'PUT',
    headers: { 'if-match': '*' },
    body: JSON.stringify({ placement: [] }),
  });
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /did you mean 'placements'/);
  const first = await fetch(`${control.url}/v1/models/adder`);
  const etag = first.headers.get('etag') ?? '';
  const change = (text: string) =>
    fetch(`${control.url}/v1/models/adder`, {
      method: 'PATCH',
      headers: { 'if-match': etag },
      body: JSON.stringify({ description: text }),
    });
  assert.equal((await change('mine')).status, 200);
  const late = await change('and mine');
  assert.equal(late.status, 412);
  assert.match(await late.text(), /has changed since revision/);
  const sent = await fetch(`${control.url}/v1/artifacts/sha256:${'0'.repeat(64)}`, {
    method: 'PUT',
    body: 'other bytes',
  });
  assert.equal(sent.status, 400);
  assert.match(await sent.text(), /are damaged/);
});

test('files say what should be: diff shows it, apply does it, and a second time there is nothing to do', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const node = await fleet.node('edge-1');
  await asked(control, ['push', await fleet.adder(1), '--model', 'adder']);
  await asked(control, ['push', await fleet.adder(2), '--model', 'adder']);
  await asked(control, ['deploy', 'adder@1', '--wait', '0']);
  const file = join(fleet.folder, 'fleet.yaml');
  const head = (kind: string, name: string) => `apiVersion: tidegate/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
  const model = `${head('Model', 'adder')}spec: {description: adds, aliases: {champion: 2}}\n`;
  await writeFile(
    file,
    `${model}---\n${head('Deployment', 'adder')}spec: {placements: [{versions: [{version: 2}]}]}\n`,
  );
  const changes = await asked(control, ['diff', '-f', file], 1);
  assert.match(changes, /~ Model\/adder\n {4}~ description: "" → "adds"\n {4}\+ aliases\.champion: 2/);
  assert.match(changes, /~ Deployment\/adder\n {4}~ placements\[0\]\.versions\[0\]\.version: 1 → 2/);
  await asked(control, ['apply', '-f', file]);
  assert.match(await asked(control, ['diff', '-f', file]), /0 to change, 2 as they should be/);
  await until(
    'the node serves it',
    async () => (await fetch(`${node.url}/v2/models/adder/versions/2/ready`)).status === 200,
  );
  await writeFile(file, model);
  assert.match(await asked(control, ['diff', '-f', file]), /0 to change/);
  assert.match(await asked(control, ['apply', '-f', file, '--prune']), /- Deployment\/adder/);
  await until('it is gone', async () => (await fetch(`${node.url}/v2/models/adder/ready`)).status !== 200);
  await writeFile(file, model.replace('spec', 'spce'));
  assert.match(await asked(control, ['apply', '-f', file], 2), /'spce' is not known, did you mean 'spec'\?/);
});

test('a shadow sees what callers sent, under the same request id, and no caller ever gets its answer', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const node = await fleet.node('edge-1', '', ['--log-ship-ms', '50'], { CLICKHOUSE_URL: fleet.store.url });
  await asked(control, ['push', await fleet.adder(1), '--model', 'adder']);
  await asked(control, ['push', await fleet.adder(2), '--model', 'adder']);
  const versions = [{ version: 1 }, { version: 2, role: 'shadow', weight: 0 }];
  const body = JSON.stringify({ placements: [{ versions }] });
  const put = await fetch(`${control.url}/v1/deployments/adder`, {
    method: 'PUT',
    headers: { 'if-match': '*' },
    body,
  });
  assert.equal(put.status, 200, await put.text());
  await until(
    'both are there',
    async () => (await fetch(`${node.url}/v2/models/adder/versions/2/ready`)).status === 200,
  );
  const load = new AdderLoad(node, 'adder', ADDS);
  await until('some are answered', () => load.answered > 100);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.deepEqual([...load.versions.keys()], ['1']);
  const query = `SELECT countIf(variant = 'champion' AND version = 1) AS champion, countIf(variant = 'shadow' AND version = 2) AS shadow,
    uniqExact(request_id) AS ids, count() AS rows FROM tidegate.inference_log WHERE model = 'adder'`;
  const counts = async () => {
    const result = await fleet.store.client.query({ query, format: 'JSONEachRow' });
    return (await result.text()).trim();
  };
  const n = load.answered;
  const all = JSON.stringify({ champion: n, shadow: n, ids: n, rows: 2 * n });
  let found = '';
  const isThere = async (): Promise<boolean> => {
    found = await counts().catch((error: unknown) => String(error));
    return found === all;
  };
  await until('all of it is in the log', isThere).catch(() => assert.equal(found, all));
});

test('an environment that asks for something gets only what was let into it, and says what is missing', async (t) => {
  const fleet = await startFleet(t);
  const control = await fleet.control('control-1');
  const first = await fleet.adder(1);
  await asked(control, ['push', first, '--model', 'adder']);
  const file = join(fleet.folder, 'prod.yaml');
  const head = 'apiVersion: tidegate/v1\nkind: Environment\nmetadata: {name: prod}\n';
  await writeFile(file, `${head}spec: {requires: {environments: [staging], metrics: {accuracy: {least: 0.9}}}}\n`);
  await asked(control, ['apply', '-f', file]);
  assert.match(await asked(control, ['deploy', 'adder@1'], 3), /has not been let into 'prod'/);
  const refused = await asked(control, ['promote', 'adder', '1', 'prod'], 3);
  assert.match(refused, /not been let into 'staging'; it has no metric 'accuracy'.*GATE_REFUSED/s);
  const better = await fleet.adder(2);
  await writeFile(join(better, 'metrics.json'), '{"accuracy": 0.95}');
  await asked(control, ['push', better, '--model', 'adder']);
  await asked(control, ['promote', 'adder', '2', 'staging']);
  await asked(control, ['promote', 'adder', '2', 'prod']);
  assert.match(await asked(control, ['versions', 'adder']), /^2 .*staging prod.*accuracy 0\.95/m);
  await asked(control, ['deploy', 'adder@2', '--wait', '0']);
});
