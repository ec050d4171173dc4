import type { LoadOrder } from '../messages.js';
import { disagreement } from './agreement.js';
import type { BackendSession } from './backend.js';
import { loadOnnx } from './onnx.js';
import { comparedOutputs, sampleRows } from './sample-rows.js';

/** Rows of the comparison; fewer where the model takes fewer. */
const ROWS = 3;

/** Throws where the session answers otherwise than the same model on the CPU. */
export async function compareWithCpu(order: LoadOrder, session: BackendSession): Promise<void> {
  if (order.inputs.some(({ datatype }) => datatype === 'BYTES'))
    throw new Error(
      `it takes BYTES, for which there are no values to compare ${session.device} with: set device to cpu`,
    );
  const inputs = sampleRows(order, order.max_batch > 0 ? Math.min(ROWS, order.max_batch) : 1);
  const wanted = comparedOutputs(order);
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
