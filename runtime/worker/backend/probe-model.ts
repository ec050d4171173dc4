import { MessageWriter } from '../../../std/protobuf-writer.js';

/** Columns of its output, and of the matrices that it multiplies in between. */
export const PROBE_WIDTH = 1024;
const MULTIPLICATIONS = 2;
const FLOAT = 1;
const INT64 = 7;

/**
 * An ONNX model that is a few hundred bytes, carries four bytes in and four kilobytes out, and takes four billion operations in between: what
 * is measured is the device, not the way there. A one gives a row of ones.
 */
export function probeModel(): Uint8Array {
  const graph = new MessageWriter();
  graph.message(1, node('Mul', ['x', 'part'], 'thin'));
  graph.message(1, node('Expand', ['x', 'square'], 'a0'));
  graph.message(1, node('Expand', ['thin', 'square'], 'b'));
  for (let at = 0; at < MULTIPLICATIONS; at++) graph.message(1, node('MatMul', [`a${at}`, 'b'], `a${at + 1}`));
  graph.message(1, node('Expand', ['thin', 'row'], 'r'));
  graph.message(1, node('MatMul', ['r', `a${MULTIPLICATIONS}`], 'y'));
  graph.text(2, 'probe');
  graph.message(5, initializer('part', FLOAT, [1], new Uint8Array(Float32Array.of(1 / PROBE_WIDTH).buffer)));
  const square = BigInt64Array.of(BigInt(PROBE_WIDTH), BigInt(PROBE_WIDTH));
  graph.message(5, initializer('square', INT64, [2], new Uint8Array(square.buffer)));
  const row = BigInt64Array.of(1n, BigInt(PROBE_WIDTH));
  graph.message(5, initializer('row', INT64, [2], new Uint8Array(row.buffer)));
  graph.message(11, value('x', 1));
  graph.message(12, value('y', PROBE_WIDTH));
  const opset = new MessageWriter().text(1, '').integer(2, 13);
  return new MessageWriter().integer(1, 8).message(7, graph).message(8, opset).finish();
}

function node(operator: string, inputs: readonly string[], output: string): MessageWriter {
  const writer = new MessageWriter();
  for (const input of inputs) writer.text(1, input);
  return writer.text(2, output).text(3, output).text(4, operator);
}

function initializer(name: string, type: number, dims: readonly number[], bytes: Uint8Array): MessageWriter {
  const writer = new MessageWriter();
  for (const dim of dims) writer.integer(1, dim);
  return writer.integer(2, type).text(8, name).bytes(9, bytes);
}

function value(name: string, width: number): MessageWriter {
  const shape = new MessageWriter();
  for (const dim of [1, width]) shape.message(1, new MessageWriter().integer(1, dim));
  const tensor = new MessageWriter().integer(1, FLOAT).message(2, shape);
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor));
}
