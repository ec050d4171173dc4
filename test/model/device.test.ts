import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideDevice, parseDevice } from '../../runtime/model/device.js';

test('a device is a kind, and the number of the device where there may be several', () => {
  assert.deepEqual(parseDevice('auto'), { kind: 'auto', ordinal: 0 });
  assert.deepEqual(parseDevice('webgpu'), { kind: 'webgpu', ordinal: 0 });
  assert.deepEqual(parseDevice('cuda:1'), { kind: 'cuda', ordinal: 1 });
  assert.deepEqual(parseDevice('tensorrt:12'), { kind: 'tensorrt', ordinal: 12 });
});

for (const text of ['gpu', '', 'cpu:0', 'auto:1', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:1 ', 'CUDA', 'webgpu:1000']) {
  test(`device '${text}' is refused with what may be written`, () => {
    assert.throws(() => parseDevice(text), {
      code: 'INVALID_CONFIG',
      message: /write auto, cpu, webgpu, cuda or tensorrt/,
    });
  });
}

test('webgpu is taken for ONNX models, on the first device', () => {
  assert.equal(decideDevice('webgpu', 'onnx').device, 'webgpu');
  assert.equal(decideDevice('webgpu:0', 'onnx').device, 'webgpu');
  assert.throws(() => decideDevice('webgpu', 'tensorflowjs'), { code: 'UNSUPPORTED' });
});

test('auto takes the CPU and says why', () => {
  assert.deepEqual(decideDevice('cpu', 'onnx').device, 'cpu');
  const { device, reason } = decideDevice('auto', 'tensorflowjs');
  assert.equal(device, 'cpu');
  assert.match(reason, /auto.*only where the manifest names it/);
});

for (const text of ['webgpu:1', 'cuda:1', 'tensorrt']) {
  test(`${text} is refused with the remedy, and never the CPU in its place`, () => {
    assert.throws(() => decideDevice(text, 'onnx'), { code: 'UNSUPPORTED', message: /set device to cpu or auto/ });
  });
}
