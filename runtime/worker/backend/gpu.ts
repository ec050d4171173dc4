import type { BackendEvent, LoadOrder } from '../messages.js';
import type { Backend, BackendSession } from './backend.js';
import { compareWithCpu } from './cpu-comparison.js';
import type { GpuProgram } from './gpu-child.js';
import { type GpuLimits, GpuSession } from './gpu-session.js';
import { onnxBackend } from './onnx.js';

const LIMITS: GpuLimits = { load_ms: 60_000, run_ms: 30_000, pause_ms: 30_000 };

/** ONNX Runtime on a GPU, in a process of its own. A model goes live on it only after it has answered as on the CPU. */
export const gpuBackend: Backend = {
  load: (order, tell) => loadOrFallBack(order, programOf(order), LIMITS, tell),
};

/** TensorFlow's own runtime: in a process too, since its libraries must be on the path before that starts. */
export const savedModelBackend: Backend = {
  load: async (order, tell) => {
    const environment = {
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_NUM_INTRAOP_THREADS: String(order.threads),
      TF_NUM_INTEROP_THREADS: '1',
    };
    const program = { ...programOf(order), title: 'TensorFlow process', environment };
    const session = new GpuSession(order, program, LIMITS, tell);
    await session.start();
    return session;
  },
};

function programOf({ device, device_home }: LoadOrder): GpuProgram {
  return { device, home: device_home };
}

/** Where nobody asked for the device by name, a model that does not run there, or runs otherwise, runs on the CPU and says so. */
export async function loadOrFallBack(
  order: LoadOrder,
  program: GpuProgram,
  limits: GpuLimits,
  tell: (event: BackendEvent) => void,
): Promise<BackendSession> {
  try {
    return await loadOnGpu(order, program, limits, tell);
  } catch (error) {
    if (!order.may_fall_back) throw error;
    const session = await onnxBackend.load(order, tell);
    const reason = error instanceof Error ? error.message : String(error);
    return {
      device: session.device,
      device_reason: `device is auto, and the model cannot run on ${order.device}: ${reason}`,
      run: (inputs, wanted) => session.run(inputs, wanted),
      release: () => session.release(),
    };
  }
}

export async function loadOnGpu(
  order: LoadOrder,
  program: GpuProgram,
  limits: GpuLimits,
  tell: (event: BackendEvent) => void,
): Promise<GpuSession> {
  const session = new GpuSession(order, program, limits, tell);
  try {
    await session.start();
    await compareWithCpu(order, session);
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}
