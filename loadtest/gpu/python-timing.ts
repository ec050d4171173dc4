import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runWell } from '../../cli/setup/python.js';
import type { GpuKind } from '../../runtime/model/device.js';
import { summary, type Timing } from './timing.js';

const SCRIPT = fileURLToPath(new URL('../../../loadtest/gpu/measure.py', import.meta.url));
const PROVIDERS: Readonly<Record<GpuKind, string>> = {
  cuda: 'CUDAExecutionProvider',
  tensorrt: 'TensorrtExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
};
const LIMIT_MS = 600_000;

const LineSchema = z.object({ batch: z.int().positive(), taken_ms: z.array(z.number().positive()).min(1) });

/** The same model on the same device by Python's ONNX Runtime. Rejects where this Python has none with that provider. */
export async function timeInPython(
  python: string,
  kind: GpuKind,
  artefact: string,
  batches: readonly number[],
  seconds: number,
): Promise<Timing[]> {
  const args = [SCRIPT, PROVIDERS[kind], artefact, String(seconds), ...batches.map(String)];
  const printed = await runWell(python, args, { limit_ms: LIMIT_MS });
  return printed
    .trim()
    .split('\n')
    .map((line) => LineSchema.parse(JSON.parse(line)))
    .map(({ batch, taken_ms }) => summary(batch, taken_ms));
}
