import { DATATYPE_BYTES } from '../../../contract/datatype.js';
import type { LoadOrder, WorkerTensor } from '../messages.js';
import { disagreement } from './agreement.js';
import type { BackendSession, BackendTensor } from './backend.js';
import { loadOnnx } from './onnx.js';

/** Rows of the comparison; fewer where the model takes fewer. */
const ROWS = 3;

/** Throws where the session answers otherwise than the same model on the CPU. */
export async function compareWithCpu(order: LoadOrder, session: BackendSession): Promise<void> {
  const rows = order.max_batch > 0 ? Math.min(ROWS, order.max_batch) : 1;
  const given = [...order.inputs, ...order.states.map(({ input }) => input)].map((spec) =>
    generated(spec, rows, session.device),
  );
  const constants = order.constants.map(({ bytes, ...tensor }) => ({ ...tensor, data: bytes }));
  const inputs: BackendTensor[] = [...given, ...constants];
  const wanted = [...order.outputs.map(({ name }) => name), ...order.states.map(({ output }) => output)];
  const onCpu = await loadOnnx(order, 'cpu');
  try {
    const expected = await onCpu.run(inputs, wanted);
    const reason = disagreement(await session.run(inputs, wanted), expected);
    if (reason !== undefined)
      throw new Error(`on ${session.device} it computes something else than on the CPU: ${reason}. Set device to cpu`);
  } finally {
    await onCpu.release();
  }
}

/** Values between -1 and 1, the same at every load; small whole numbers where the model takes whole numbers. */
function generated(spec: WorkerTensor, rows: number, device: string): BackendTensor {
  const { name, datatype } = spec;
  const shape = spec.shape.map((dim, axis) => (axis === spec.batch_axis ? rows : Math.abs(dim)));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (datatype === 'FP32') {
    const values = Float32Array.from({ length: elements }, (_, at) => Math.sin((at + 1) * 12.9898));
    return { name, datatype, shape, data: new Uint8Array(values.buffer) };
  }
  if (datatype === 'BYTES' || datatype === 'BF16' || datatype === 'FP16' || datatype === 'FP64')
    throw new Error(
      `input '${name}' is ${datatype}, for which the comparison of ${device} with the CPU has no values: set device to cpu`,
    );
  const width = DATATYPE_BYTES[datatype];
  const data = new Uint8Array(elements * width);
  for (let at = 0; at < elements; at++) data[at * width] = at % 2;
  return { name, datatype, shape, data };
}
