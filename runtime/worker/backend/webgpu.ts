import { DATATYPE_BYTES } from '../../../contract/datatype.js';
import type { LoadOrder, WorkerTensor } from '../messages.js';
import { disagreement } from './agreement.js';
import type { Backend, BackendSession, BackendTensor } from './backend.js';
import { GpuChild } from './gpu-child.js';
import { onnxBackend } from './onnx.js';

export interface GpuLimits {
  readonly load_ms: number;
  readonly run_ms: number;
}

const LIMITS: GpuLimits = { load_ms: 60_000, run_ms: 30_000 };

/** Rows of the comparison; fewer where the model takes fewer. */
const ROWS = 3;

/** ONNX Runtime's WebGPU in a process of its own. A model goes live on it only after it has answered as on the CPU. */
export const webgpuBackend: Backend = { load: (order) => loadWebgpu(order, LIMITS) };

export async function loadWebgpu(order: LoadOrder, limits: GpuLimits): Promise<WebgpuSession> {
  const session = new WebgpuSession(order, limits);
  try {
    await session.start();
    await compareWithCpu(order, session);
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}

export class WebgpuSession implements BackendSession {
  readonly device = 'webgpu';
  readonly #order: LoadOrder;
  readonly #limits: GpuLimits;
  #child: GpuChild | undefined;

  constructor(order: LoadOrder, limits: GpuLimits) {
    this.#order = order;
    this.#limits = limits;
  }

  /** Of the GPU process, where one lives. */
  get pid(): number | undefined {
    return this.#child?.alive === true ? this.#child.pid : undefined;
  }

  async start(): Promise<GpuChild> {
    const child = new GpuChild();
    this.#child = child;
    try {
      await child.request({ type: 'load', order: this.#order }, this.#limits.load_ms);
    } catch (error) {
      await child.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `it does not load on webgpu: ${reason}. Set device to cpu or auto where there is no GPU with a driver`,
      );
    }
    return child;
  }

  async run(inputs: readonly BackendTensor[], wanted: readonly string[]): Promise<BackendTensor[]> {
    const child = this.#child?.alive === true ? this.#child : await this.start();
    const answer = await child.request({ type: 'run', inputs, wanted }, this.#limits.run_ms);
    if (answer.type !== 'results') throw new Error('the GPU process answered a run with something else');
    return answer.tensors;
  }

  async release(): Promise<void> {
    await this.#child?.kill();
  }
}

async function compareWithCpu(order: LoadOrder, session: WebgpuSession): Promise<void> {
  const rows = order.max_batch > 0 ? Math.min(ROWS, order.max_batch) : 1;
  const given = [...order.inputs, ...order.states.map(({ input }) => input)].map((spec) => generated(spec, rows));
  const constants = order.constants.map(({ bytes, ...tensor }) => ({ ...tensor, data: bytes }));
  const inputs: BackendTensor[] = [...given, ...constants];
  const wanted = [...order.outputs.map(({ name }) => name), ...order.states.map(({ output }) => output)];
  const onCpu = await onnxBackend.load(order);
  try {
    const expected = await onCpu.run(inputs, wanted);
    const reason = disagreement(await session.run(inputs, wanted), expected);
    if (reason !== undefined)
      throw new Error(`on webgpu it computes something else than on the CPU: ${reason}. Set device to cpu`);
  } finally {
    await onCpu.release();
  }
}

/** Values between -1 and 1, the same at every load; small whole numbers where the model takes whole numbers. */
function generated(spec: WorkerTensor, rows: number): BackendTensor {
  const { name, datatype } = spec;
  const shape = spec.shape.map((dim, axis) => (axis === spec.batch_axis ? rows : Math.abs(dim)));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (datatype === 'FP32') {
    const values = Float32Array.from({ length: elements }, (_, at) => Math.sin((at + 1) * 12.9898));
    return { name, datatype, shape, data: new Uint8Array(values.buffer) };
  }
  if (datatype === 'BYTES' || datatype === 'BF16' || datatype === 'FP16' || datatype === 'FP64')
    throw new Error(
      `input '${name}' is ${datatype}, for which the comparison with the CPU has no values: set device to cpu`,
    );
  const width = DATATYPE_BYTES[datatype];
  const data = new Uint8Array(elements * width);
  for (let at = 0; at < elements; at++) data[at * width] = at % 2;
  return { name, datatype, shape, data };
}
