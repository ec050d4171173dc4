import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { put, serve, temporaryFolder, until } from './fixture-folder.js';
import { MemoryHost } from './memory-host.js';

test('a folder is read, loaded and resolved by number and by default', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'two', 1);
  await put(folder, 'two', 2);
  await put(folder, 'other', 7, 'ir3');
  const { repository, host } = await serve(t, folder);
  assert.equal(repository.settled, false);
  await repository.started();
  assert.equal(repository.settled, true);
  assert.deepEqual(repository.models(), ['other', 'two']);
  assert.deepEqual(repository.versions('two'), [2]);
  assert.equal(repository.resolve('two', '').version, 2);
  assert.equal(repository.resolve('two', '2'), repository.resolve('two', ''));
  assert.equal(repository.resolve('two', '002'), repository.resolve('two', ''));
  assert.deepEqual(
    repository.resolve('other', '').signature.inputs.map(({ name }) => name),
    ['x'],
  );
  assert.equal(repository.resolve('other', '').batching.max_batch, 128);
  assert.equal(await host.request(repository.resolve('two', '')), 'two/2');
  assert.deepEqual(repository.index(), [
    { name: 'other', version: '7', state: 'READY', reason: '' },
    { name: 'two', version: '2', state: 'READY', reason: '' },
  ]);
  assert.deepEqual(host.breaches, []);
});

test('what is not there is refused in the words that clients look for', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository } = await serve(t, folder);
  await repository.started();
  const refusals: [string, string, string][] = [
    ['nothing', '', "Request for unknown model: 'nothing' is not found"],
    ['nothing', '3', "Request for unknown model: 'nothing' is not found"],
    ['m', '9', "Request for unknown model: 'm' version 9 is not found"],
    ['m', '0', "Request for unknown model: 'm' version 0 is not found"],
    ['m', 'stable', "Request for unknown model: 'm' version stable is not found"],
    ['__proto__', '', "Request for unknown model: '__proto__' is not found"],
  ];
  for (const [model, version, message] of refusals) {
    assert.throws(() => repository.resolve(model, version), { code: 'MODEL_NOT_FOUND', message });
    assert.throws(() => repository.describe(model, version), { code: 'MODEL_NOT_FOUND', message });
    assert.equal(repository.ready(model, version), false);
  }
});

test('an unloaded model says so, stays unloaded, and a load brings it back with a new handle', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository, host } = await serve(t, folder, { poll_ms: 5 });
  await repository.started();
  const before = repository.resolve('m', '');
  await repository.unload('m');
  await repository.unload('m');
  await repository.unload('never heard of');
  const message = "Request for unknown model: 'm' has no available versions";
  assert.throws(() => repository.resolve('m', ''), { code: 'MODEL_NOT_FOUND', message });
  assert.throws(() => repository.resolve('m', '1'), { code: 'MODEL_NOT_FOUND', message });
  assert.throws(() => repository.versions('m'), { code: 'MODEL_NOT_FOUND', message });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.deepEqual(repository.index(), [{ name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' }]);
  assert.deepEqual(repository.models(), []);
  assert.equal(repository.memory().used_bytes, 0);
  await repository.load('m', {});
  assert.notEqual(repository.resolve('m', '').handle, before.handle);
  assert.deepEqual(host.loads, ['m/1', 'm/1']);
  assert.deepEqual(host.breaches, []);
});

test('loading what is not there fails in the words that clients look for, and leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository } = await serve(t, folder);
  await repository.started();
  for (const name of ['nothing', '..', '../m', 'm/1', '']) {
    await assert.rejects(repository.load(name, {}), {
      code: 'MODEL_LOAD_FAILED',
      message: `failed to load '${name}', failed to poll from model repository`,
    });
  }
  assert.deepEqual(
    repository.index().map(({ name }) => name),
    ['m'],
  );
});

test('a corrupt file keeps nobody else from loading, the index says why, and the newest good version below it serves', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'good', 1);
  await writeFile(await put(folder, 'broken', 1), 'this is no model');
  await put(folder, 'fallback', 1);
  await writeFile(await put(folder, 'fallback', 2), '');
  const { repository, host } = await serve(t, folder);
  await repository.started();
  assert.equal(repository.resolve('good', '').version, 1);
  assert.equal(repository.resolve('fallback', '').version, 1);
  assert.throws(() => repository.resolve('broken', ''), {
    code: 'MODEL_NOT_READY',
    message: /'broken' has no available versions; version 1 failed to load: .*not a whole ONNX file/,
  });
  assert.throws(() => repository.resolve('fallback', '2'), {
    code: 'MODEL_NOT_READY',
    message: /version 2 is not at ready state/,
  });
  const index = repository.index();
  assert.deepEqual(
    index.map(({ name, version, state }) => `${name}/${version} ${state}`),
    ['broken/1 UNAVAILABLE', 'fallback/1 READY', 'fallback/2 UNAVAILABLE', 'good/1 READY'],
  );
  assert.match(index[0].reason, /not a whole ONNX file/);
  assert.deepEqual(host.breaches, []);
});

test('a version that the backend refuses leaves its place to the one below, and is served once its file is replaced', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  await put(folder, 'm', 2);
  const host = new MemoryHost();
  host.refuse = ({ version }) => (version === 2 ? 'unknown operator Foo' : undefined);
  const { repository } = await serve(t, folder, { host });
  await repository.started();
  assert.equal(repository.resolve('m', '').version, 1);
  assert.deepEqual(repository.index()[1], {
    name: 'm',
    version: '2',
    state: 'UNAVAILABLE',
    reason: 'unknown operator Foo',
  });
  await assert.rejects(repository.load('m', {}), {
    code: 'MODEL_LOAD_FAILED',
    message: /^failed to load 'm', version 2: unknown operator Foo/,
  });
  assert.equal(repository.resolve('m', '').version, 1);
  host.refuse = () => undefined;
  await repository.load('m', {});
  assert.equal(repository.resolve('m', '').version, 2);
  assert.deepEqual(repository.versions('m'), [2]);
  assert.deepEqual(host.breaches, []);
});

test('the folder itself must be there', async (t) => {
  const folder = await temporaryFolder(t);
  await rm(folder, { recursive: true });
  await assert.rejects(serve(t, join(folder)), {
    code: 'INVALID_CONFIG',
    message: /the folder of models cannot be read/,
  });
});

test('a version that the host will not announce is one that failed to load', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  await put(folder, 'm', 2);
  const host = new MemoryHost();
  host.refuseToAnnounce = ({ version }) => (version === 2 ? 'its state has no size' : undefined);
  const { repository } = await serve(t, folder, { host });
  await repository.started();
  assert.deepEqual(
    repository.index().map(({ version, state, reason }) => [version, state, reason]),
    [
      ['1', 'READY', ''],
      ['2', 'UNAVAILABLE', 'its state has no size'],
    ],
  );
  assert.equal(await host.request(repository.resolve('m', '')), 'm/1');
  assert.deepEqual(host.breaches, []);
});

test('a version policy that takes nothing that is there is an error, and changes nothing that is served', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository } = await serve(t, folder);
  await repository.started();
  await writeFile(join(folder, 'm', 'model.yaml'), 'versions: {specific: [3]}\n');
  await assert.rejects(repository.load('m', {}), {
    code: 'MODEL_LOAD_FAILED',
    message: /takes none of the versions that are there: 1/,
  });
  assert.equal(repository.resolve('m', '').version, 1);
});

test('several versions are served at once where the policy says so, the highest by default, others by label', async (t) => {
  const folder = await temporaryFolder(t);
  for (const version of [1, 2, 10]) await put(folder, 'm', version);
  await writeFile(join(folder, 'm', 'model.yaml'), 'versions: {all: true}\nversion_labels: {stable: 2}\n');
  const { repository } = await serve(t, folder);
  await repository.started();
  assert.deepEqual(repository.versions('m'), [1, 2, 10]);
  assert.equal(repository.resolve('m', '').version, 10);
  assert.equal(repository.resolve('m', 'stable').version, 2);
});

test('links, loops and strays in the folder hurt nobody', async (t) => {
  const folder = await temporaryFolder(t);
  const elsewhere = await temporaryFolder(t);
  await put(elsewhere, 'real', 3);
  await symlink(join(elsewhere, 'real'), join(folder, 'linked'));
  await symlink('loop', join(folder, 'loop'));
  await symlink('nowhere', join(folder, 'dangling'));
  await mkdir(join(folder, 'looped', '1'), { recursive: true });
  await symlink('model.onnx', join(folder, 'looped', '1', 'model.onnx'));
  await mkdir(join(folder, 'empty', '1'), { recursive: true });
  await mkdir(join(folder, 'notes', 'drafts'), { recursive: true });
  await writeFile(join(folder, 'README'), 'hello');
  await put(folder, '.hidden', 1);
  await put(folder, 'zeros', 7);
  for (const name of ['0', '01', '-1', '1.5', '1e3', '99999999999999999999', 'v1'])
    await mkdir(join(folder, 'zeros', name));
  const { repository } = await serve(t, folder, { poll_ms: 10 });
  await repository.started();
  assert.equal(repository.resolve('linked', '').version, 3);
  assert.deepEqual(repository.versions('zeros'), [7]);
  assert.deepEqual(
    repository.index().map(({ name, version, state }) => `${name}/${version} ${state}`),
    ['empty/1 UNAVAILABLE', 'linked/3 READY', 'looped/1 UNAVAILABLE', 'zeros/7 READY'],
  );
  await put(folder, 'later', 1);
  await until('a new model is seen beside them', () => repository.models().includes('later'));
});

test('a load that fails while the model is unloaded leaves it unloaded', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository, host } = await serve(t, folder);
  await repository.started();
  await repository.unload('m');
  host.refuse = () => 'no';
  await assert.rejects(repository.load('m', { config: '{"max_batch": 3}' }), {
    message: "failed to load 'm', version 1: no",
  });
  assert.deepEqual(repository.index(), [{ name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' }]);
  host.refuse = () => undefined;
  await repository.load('m', {});
  assert.equal(repository.resolve('m', '').batching.max_batch, 128);
  assert.deepEqual(host.breaches, []);
});
