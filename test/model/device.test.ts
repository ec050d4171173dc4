import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideDevice, type FoundDevice, type GpuKind, parseDevice } from '../../runtime/model/device.js';

const LARGE = { format: 'onnx', bytes: 10_000_000 } as const;
const SMALL = { format: 'onnx', bytes: 1000 } as const;
const GRAPH = { format: 'tensorflowjs', bytes: 10_000_000 } as const;

const working = (kind: GpuKind, speedup: number): FoundDevice => ({
  kind,
  works: true,
  reason: 'measured',
  speedup,
  home: `/backends/${kind}`,
});
const missing = (kind: GpuKind, reason: string): FoundDevice => ({ kind, works: false, reason, speedup: 0, home: '' });

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

test('webgpu is taken for ONNX models, on the first device, whatever the probe said', () => {
  assert.equal(decideDevice('webgpu', SMALL, []).device, 'webgpu');
  assert.equal(decideDevice('webgpu:0', LARGE, [missing('webgpu', 'x')]).device, 'webgpu');
  assert.throws(() => decideDevice('webgpu', GRAPH, []), { code: 'UNSUPPORTED' });
});

test('cuda is taken where its probe worked, with the number that was asked for and the folder of its libraries', () => {
  const { device, home, may_fall_back } = decideDevice('cuda:1', SMALL, [working('cuda', 0.5)]);
  assert.deepEqual([device, home, may_fall_back], ['cuda:1', '/backends/cuda', false]);
});

for (const text of ['webgpu:1', 'cuda:1', 'tensorrt']) {
  test(`${text} is refused with the reason and the remedy, and never the CPU in its place`, () => {
    const found = [missing('cuda', 'no driver here'), missing('tensorrt', 'no driver here')];
    assert.throws(() => decideDevice(text, LARGE, found), {
      code: 'UNSUPPORTED',
      message: /(no driver here|another adapter).*Set device to cpu or auto.*tidegate doctor/,
    });
  });
}

test('auto takes the CPU where no GPU was found, and says why not for each', () => {
  assert.equal(decideDevice('cpu', LARGE, [working('cuda', 50)]).device, 'cpu');
  const { device, reason } = decideDevice('auto', LARGE, [missing('cuda', 'no driver'), missing('webgpu', 'no card')]);
  assert.equal(device, 'cpu');
  assert.match(reason, /no GPU was found that is worth it \(cuda: no driver; webgpu: no card\)/);
});

test('auto takes the best kind that works, for large ONNX models alone, and lets them fall back', () => {
  const found = [working('webgpu', 9), working('cuda', 5)];
  assert.deepEqual(decideDevice('auto', LARGE, found), {
    device: 'cuda',
    reason: 'device is auto; cuda: measured',
    home: '/backends/cuda',
    may_fall_back: true,
  });
  assert.match(decideDevice('auto', SMALL, found).reason, /a model of 1000 bytes runs sooner on the CPU/);
  assert.match(decideDevice('auto', GRAPH, found).reason, /tensorflowjs run on the CPU alone/);
});

test('auto leaves a GPU that hardly beats the CPU, such as one in software', () => {
  const { device, reason } = decideDevice('auto', LARGE, [working('webgpu', 0.2)]);
  assert.equal(device, 'cpu');
  assert.match(reason, /webgpu: measured/);
});
