import { z } from 'zod';

/**
 * Stands where a GPU process stands and fails as drivers do. What it does follows from the first number that it is given, so a test
 * decides it by the batch; anything else comes back doubled.
 */
export const STUB = { CRASH: 1001, HANG: 1002, DEVICE_LOST: 1003, BAD_BATCH: 1004 } as const;

/** Rows that its memory holds; models by this name. */
export const ROOM = { 'room-for-3': 3, 'room-for-1': 1 } as const;

const MessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('load'), order: z.object({ model: z.string() }) }),
  z.object({
    type: z.literal('run'),
    inputs: z.array(z.object({ shape: z.array(z.number()), data: z.instanceof(Uint8Array) })),
    wanted: z.array(z.string()),
  }),
]);

let room = Number.POSITIVE_INFINITY;
let hung = false;

function failed(reason: string): void {
  process.send?.({ type: 'failed', reason });
}

function load(model: string): void {
  if (model === 'crashes-at-load') process.exit(7);
  if (model === 'no-device') {
    process.stderr.write('CUDA failure 100: no CUDA-capable device is detected\n');
    failed('the provider is not available');
    return;
  }
  room = Object.entries(ROOM).find(([name]) => name === model)?.[1] ?? room;
  process.send?.({ type: 'loaded' });
}

function failureOf(first: number, rows: number): string {
  if (first === STUB.DEVICE_LOST) return 'CUDA failure 719: unspecified launch failure';
  if (first === STUB.BAD_BATCH) return 'Invalid argument: index 9 is out of bounds';
  return rows > room ? 'CUDA failure 2: out of memory' : '';
}

function run(shape: readonly number[], data: Uint8Array, name: string): void {
  const values = new Float32Array(new Uint8Array(data).buffer);
  const [first] = values;
  if (first === STUB.CRASH) process.exit(9);
  if (first === STUB.HANG) {
    hung = true;
    return;
  }
  const failure = failureOf(first, shape[0]);
  if (failure !== '') {
    failed(failure);
    return;
  }
  const doubled = values.map((value) => value * 2);
  const tensor = { name, datatype: 'FP32', shape: [...shape], data: new Uint8Array(doubled.buffer) };
  process.send?.({ type: 'results', tensors: [tensor] });
}

if (process.send !== undefined) {
  process.on('message', (value) => {
    const message = MessageSchema.parse(value);
    if (hung) return;
    if (message.type === 'load') load(message.order.model);
    else run(message.inputs[0].shape, message.inputs[0].data, message.wanted[0]);
  });
  process.on('disconnect', () => process.exit());
}
