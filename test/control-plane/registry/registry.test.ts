import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Artifacts, digestOf } from '../../../bus/artifacts.js';
import { newModel, versionOf, withAlias, withVersion } from '../../../control-plane/registry/model-record.js';
import { Registry } from '../../../control-plane/registry/registry.js';
import { until } from '../../harness/ask.js';
import { startNatsProcess } from '../../harness/nats-process.js';

const AUTHOR = { by: 'somebody', at: '2026-01-02T03:04:05.000Z' };

function given(content: number) {
  const digest = `sha256:${createHash('sha256').update(String(content)).digest('hex')}`;
  const none = { labels: {}, signature: { inputs: [], outputs: [] }, metrics: {}, lineage: {} };
  return { ...none, digest, bytes: 1, memory_bytes: 1, description: '', signed: false, platform: 'onnx' };
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('many who push at once lose nothing: each content has one version, and numbers have no holes', async (t) => {
  const nats = await startNatsProcess(t);
  const buses = await Promise.all([nats.connect(t), nats.connect(t), nats.connect(t)]);
  const registries = buses.map((bus) => new Registry(bus));
  const push = (registry: Registry, content: number) =>
    registry.change('m', (record) => withVersion(record, given(content), AUTHOR), {
      make: () => newModel('m', AUTHOR),
    });
  const pushed = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      push(registries[i % 3], i % 10).then(({ result }) => [i % 10, result.version] as const),
    ),
  );
  const versions = new Map(pushed);
  assert.equal(versions.size, 10);
  for (const [content, version] of pushed) assert.equal(versions.get(content), version, 'one content, one version');
  const { record } = await registries[0].get('m');
  assert.deepEqual(
    record.versions.map(({ version }) => version),
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
  await Promise.all(
    registries.map((registry, i) => registry.change('m', (now) => [withAlias(now, `alias-${i}`, 1 + i), undefined])),
  );
  const { aliases } = (await registries[0].get('m')).record;
  assert.deepEqual(aliases, { 'alias-0': 1, 'alias-1': 2, 'alias-2': 3 });
  assert.equal(versionOf(record, 10).version, 10);
});

test('a change over what is no longer there is refused, and says what there is', async (t) => {
  const nats = await startNatsProcess(t);
  const registry = new Registry(await nats.connect(t));
  const { revision } = await registry.change('m', (record) => withVersion(record, given(1), AUTHOR), {
    make: () => newModel('m', AUTHOR),
  });
  const point = (over: number) => registry.change('m', (now) => [withAlias(now, 'a', 1), undefined], { over });
  const next = await point(revision);
  await assert.rejects(
    point(revision),
    new RegExp(`changed since revision ${revision}, it is at ${next.revision} now`),
  );
  assert.deepEqual(
    (await registry.models()).map(({ record }) => record.model),
    ['m'],
  );
});

test('bytes go in and out in pieces, whole or not at all; wrong ones are refused', async (t) => {
  const nats = await startNatsProcess(t);
  const artifacts = new Artifacts(await nats.connect(t));
  const bytes = randomBytes(3_000_001);
  const digest = digestOf(bytes);
  await assert.rejects(artifacts.put(digest, pieces(bytes.subarray(1), 70_000)), /are damaged/);
  assert.equal(await artifacts.size(digest), undefined, 'nothing of it is there');
  await artifacts.put(digest, pieces(bytes, 70_000));
  assert.equal(await artifacts.size(digest), bytes.length);
  assert.equal(digestOf(await artifacts.bytes(digest)), digest);
  await assert.rejects(artifacts.put(digest, pieces(bytes.subarray(1), 70_000)), /are damaged/);
  assert.equal(digestOf(await artifacts.bytes(digest)), digest, 'what was there stays');
  await assert.rejects(artifacts.bytes(digestOf(randomBytes(3))), /the registry has no bytes of sha256:/);
});

test('an upload that kill -9 of NATS cuts off leaves nothing that looks whole, and works when it is sent again', async (t) => {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  const artifacts = new Artifacts(bus);
  const bytes = randomBytes(2_000_000);
  const digest = digestOf(bytes);
  let sent = 0;
  async function* cutOff(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces(bytes, 100_000)) {
      sent += piece.length;
      if (sent === 1_000_000) await nats.kill();
      yield piece;
    }
  }
  await assert.rejects(artifacts.put(digest, cutOff()));
  await until('the connection has noticed', () => !bus.isConnected);
  await nats.restart();
  await until('it is back', () => bus.isConnected);
  assert.equal(await artifacts.size(digest), undefined);
  await artifacts.put(digest, pieces(bytes, 100_000));
  assert.equal(digestOf(await artifacts.bytes(digest)), digest);
});
