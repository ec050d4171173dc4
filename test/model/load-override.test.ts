import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { modelConfig, modelMetadata } from '../../runtime/model/model-config.js';
import { parseConfigOverride } from '../../runtime/model/triton-config.js';
import { fixture, put, serve, temporaryFolder, until } from './fixture-folder.js';

test('a configuration from Triton is read for what means the same here, and the rest is kept', () => {
  const { manifest, config } = parseConfigOverride(
    JSON.stringify({
      max_batch_size: '16',
      instance_group: [{ count: 2, kind: 'KIND_CPU' }, { count: '1' }],
      dynamic_batching: {
        max_queue_delay_microseconds: '1500',
        priority_levels: 3,
        default_priority_level: 2,
        default_queue_policy: { default_timeout_microseconds: 9000, max_queue_size: 7 },
        preserve_ordering: true,
      },
      version_policy: { specific: { versions: ['1', 2] } },
      parameters: { some: { string_value: 'thing' } },
      something_new: [1],
    }),
  );
  const { max_batch, instances, max_delay_ms, priority_levels, default_priority, timeout_us, queue, versions } =
    manifest;
  assert.deepEqual(
    { max_batch, instances, max_delay_ms, priority_levels, default_priority, timeout_us, queue, versions },
    {
      max_batch: 16,
      instances: 3,
      max_delay_ms: 1.5,
      priority_levels: 3,
      default_priority: 2,
      timeout_us: 9000,
      queue: { max_requests: 7 },
      versions: { specific: [1, 2] },
    },
  );
  assert.equal(config?.max_batch_size, 16);
  assert.deepEqual(config?.something_new, [1]);
  assert.deepEqual(config?.parameters, { some: { string_value: 'thing' } });
});

test('a manifest as JSON is a manifest, with all its checks', () => {
  assert.equal(parseConfigOverride('{"max_batch": 4}').manifest.max_batch, 4);
  assert.equal(parseConfigOverride('{"max_batch": 4}').config, undefined);
  assert.equal(parseConfigOverride('{}').manifest.max_batch, undefined);
  assert.throws(() => parseConfigOverride('{"max_bacth": 4}'), {
    code: 'INVALID_CONFIG',
    message: /did you mean 'max_batch'/,
  });
});

test('a configuration that cannot be had is refused with the reason', () => {
  const refused = (config: unknown, message: RegExp, code = 'INVALID_CONFIG') =>
    assert.throws(() => parseConfigOverride(typeof config === 'string' ? config : JSON.stringify(config)), {
      code,
      message,
    });
  refused('{', /it is not JSON/);
  refused('[]', /mapping of keys/);
  refused('7', /mapping of keys/);
  refused({ max_batch_size: -1 }, /max_batch_size/);
  refused({ max_batch_size: 'many' }, /max_batch_size/);
  refused({ max_batch_size: 1e300 }, /max_batch_size/);
  refused({ instance_group: [{ kind: 'KIND_GPU' }] }, /KIND_GPU is not available/, 'UNSUPPORTED');
  refused({ backend: 'python' }, /backend 'python' is not available/, 'UNSUPPORTED');
  refused({ dynamic_batching: { priority_levels: 1, default_priority_level: 2 } }, /default_priority/);
});

test('after an override the configuration says what it said, as numbers, until a load without it', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository, host } = await serve(t, folder);
  await repository.started();
  await repository.load('m', { config: '{"max_batch_size":"16","parameters":{"a":{"string_value":"b"}}}' });
  const overridden = modelConfig(repository.resolve('m', ''));
  assert.equal(overridden.max_batch_size, 16);
  assert.deepEqual(overridden.parameters, { a: { string_value: 'b' } });
  assert.equal(repository.resolve('m', '').batching.max_batch, 16);
  await repository.load('m', {});
  assert.equal(modelConfig(repository.resolve('m', '')).max_batch_size, 128);
  assert.deepEqual(modelConfig(repository.resolve('m', '')).parameters, {});
  assert.deepEqual(host.breaches, []);
});

test('an override that cannot be loaded leaves the model as it was', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository, host } = await serve(t, folder);
  await repository.started();
  const before = repository.resolve('m', '');
  const refused = async (config: string, message: RegExp) => {
    await assert.rejects(repository.load('m', { config }), { code: 'MODEL_LOAD_FAILED', message });
    assert.equal(repository.resolve('m', ''), before);
    assert.deepEqual(repository.index(), [{ name: 'm', version: '1', state: 'READY', reason: '' }]);
  };
  await refused('{', /^failed to load 'm', config: it is not JSON/);
  await refused(
    '{"max_batch": 4, "constants": {"x": [1, 2, 3, 4]}}',
    /^failed to load 'm', version 1: max_batch cannot be used/,
  );
  await refused('{"input": [{"name": "other"}]}', /the model has no input 'other'/);
  await refused('{"input": [{"name": "x", "data_type": "TYPE_INT8"}]}', /input 'x' is TYPE_FP32/);
  await refused(
    '{"version_policy": {"specific": {"versions": [9]}}}',
    /its version policy takes none of the versions that are there: 1$/,
  );
  host.refuse = () => 'no';
  await assert.rejects(repository.load('m', {}), { message: "failed to load 'm', version 1: no" });
  assert.equal(repository.resolve('m', ''), before);
  assert.deepEqual(host.breaches, []);
});

test('files that come with a load are served instead of the folder, and removed when they are no longer needed', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const { repository, host } = await serve(t, folder, { poll_ms: 10 });
  await repository.started();
  const bytes = await readFile(fixture('ir3'));
  const files = new Map([['7/model.onnx', bytes]]);
  await assert.rejects(repository.load('m', { files }), {
    code: 'MODEL_LOAD_FAILED',
    message: /files were given without a config/,
  });
  for (const name of ['model.onnx', '0/model.onnx', '../1/model.onnx', '1/../../x', '1/..', '1/a/b']) {
    await assert.rejects(repository.load('m', { config: '{}', files: new Map([[name, bytes]]) }), {
      code: 'MODEL_LOAD_FAILED',
      message: /write it as file:<version>\/<name>/,
    });
  }
  await repository.load('m', { config: '{}', files });
  await repository.load('new', { config: '{}', files });
  assert.deepEqual(repository.versions('m'), [7]);
  const { artefact } = repository.resolve('m', '');
  assert.ok(!artefact.startsWith(folder) && existsSync(artefact));
  await put(folder, 'm', 9);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(repository.versions('m'), [7], 'the folder is not looked at meanwhile');
  await repository.load('m', {});
  assert.deepEqual(repository.versions('m'), [9]);
  assert.ok(!existsSync(artefact));
  const other = repository.resolve('new', '').artefact;
  await repository.unload('new');
  assert.ok(!existsSync(other));
  await until('it is forgotten', () => !repository.index().some(({ name }) => name === 'new'));
  assert.deepEqual(host.breaches, []);
});

test('metadata and configuration say what callers may send: no state, no constant, dims without the batch', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1, 'stateful');
  const { repository } = await serve(t, folder);
  await repository.load('m', { config: '{"state": [{"input": "state", "output": "next"}], "constants": {"rate": 2}}' });
  const version = repository.resolve('m', '');
  assert.deepEqual(modelMetadata(version, repository.versions('m')), {
    name: 'm',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  });
  const config = modelConfig(version);
  assert.equal(config.max_batch_size, 128);
  assert.deepEqual(config.output, [
    {
      name: 'y',
      data_type: 'TYPE_FP32',
      dims: [1],
      label_filename: '',
      is_shape_tensor: false,
      is_non_linear_format_io: false,
    },
  ]);
  assert.deepEqual(config.sequence_batching, { state: [{ input_name: 'state', output_name: 'next' }] });
});
