import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driverWords } from '../../../runtime/worker/backend/driver-words.js';
import { gpuFailure } from '../../../runtime/worker/backend/gpu-failure.js';

test('of what a library wrote on stderr the reason stays, without colours, times and source places', () => {
  const esc = String.fromCharCode(27);
  const text = `${esc}[1;31m2026-01-01 10:00:00.1 [E:onnxruntime:onnxruntime-node, bridge.cc:2146 Create] /src/bridge.cc:1 Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library x.so with error: libcuda.so.1: cannot open\n${esc}[m\n`;
  assert.equal(driverWords(text), 'Failed to load library x.so with error: libcuda.so.1: cannot open');
  assert.equal(driverWords('Segmentation fault\n'), 'Segmentation fault');
  assert.equal(driverWords(''), '');
});

for (const [reason, failure] of [
  ['CUDA failure 2: out of memory ; GPU=0', 'out-of-memory'],
  ['BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1', 'out-of-memory'],
  ['CUDNN_STATUS_ALLOC_FAILED', 'out-of-memory'],
  ['CUDA failure 700: an illegal memory access was encountered', 'device-lost'],
  ['Device was lost: VK_ERROR_DEVICE_LOST', 'device-lost'],
  ['WebGPU device lost (2): reset', 'device-lost'],
  ['CUDA failure 719: unspecified launch failure; out of memory', 'out-of-memory'],
  ['Got invalid dimensions for input: x', 'batch'],
  ['CUDA failure 222: the provided PTX was compiled with an unsupported toolchain', 'batch'],
] as const) {
  test(`'${reason}' means ${failure}`, () => assert.equal(gpuFailure(reason), failure));
}
