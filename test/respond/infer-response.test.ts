import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DATATYPE_BYTES, DATATYPES, type Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { InferReply, OutputTensor, RequestedOutput } from '../../contract/inference.js';
import { parseInferRequest } from '../../runtime/codec/infer-request.js';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { decodeTensor, tensorByteLength } from '../../runtime/codec/tensor-decode.js';
import {
  encodeReply,
  joinedBody,
  joinedFrame,
  type ReplyShape,
  replyShape,
} from '../../runtime/respond/infer-response.js';

const PLAIN: ReplyShape = { id: '', outputs: undefined, binary_output: false };
const BINARY: ReplyShape = { ...PLAIN, binary_output: true };

function replyOf(...outputs: OutputTensor[]): InferReply {
  const times = { queue_us: 0, compute_input_us: 0, compute_infer_us: 0, compute_output_us: 0 };
  return { model: 'm', version: '3', outputs, labels: {}, times, batch_rows: 1, batched: true };
}

/** The bytes lie at an odd place of shared memory, as rows of a batch may. */
function output(name: string, datatype: Datatype, shape: readonly number[], content: Uint8Array): OutputTensor {
  const shared = new Uint8Array(new SharedArrayBuffer(content.length + 3), 3, content.length);
  shared.set(content);
  return { name, datatype, shape, bytes: shared };
}

function bytesOf(values: {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
}): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function floats(name: string, ...values: number[]): OutputTensor {
  return output(name, 'FP32', [1, values.length], bytesOf(Float32Array.from(values)));
}

function strings(...contents: Uint8Array[]): Uint8Array {
  return Buffer.concat(
    contents.flatMap((content) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(content.length);
      return [length, content];
    }),
  );
}

function refuses(act: () => unknown, code: string, text: RegExp): void {
  assert.throws(act, (error) => error instanceof TidegateError && error.code === code && text.test(error.message));
}

describe('an answer', () => {
  it('carries model, version, id and the outputs', () => {
    const { json, binary_bytes } = encodeReply(
      { ...PLAIN, id: 'é"1' },
      replyOf(floats('p"q', 0.5, 2, -0), floats('r')),
    );
    assert.equal(binary_bytes, 0);
    assert.equal(
      json,
      '{"model_name":"m","model_version":"3","id":"é\\"1","outputs":[{"name":"p\\"q","datatype":"FP32","shape":[1,3],"data":[0.5,2,-0.0]},{"name":"r","datatype":"FP32","shape":[1,0],"data":[]}]}',
    );
    assert.ok(!encodeReply(PLAIN, replyOf()).json.includes('"id"'));
  });

  it('holds the outputs that were asked for, and no others', () => {
    const wanted: RequestedOutput[] = [{ name: 'b', binary: undefined, classification: 0 }];
    const { json } = encodeReply({ ...PLAIN, outputs: wanted }, replyOf(floats('a', 1), floats('b', 2)));
    assert.deepEqual(JSON.parse(json).outputs, [{ name: 'b', datatype: 'FP32', shape: [1, 1], data: [2] }]);
  });

  it('sends each output as it says itself, else as the request says', () => {
    const outputs: RequestedOutput[] = [
      { name: 'a', binary: undefined, classification: 0 },
      { name: 'b', binary: false, classification: 0 },
      { name: 'c', binary: true, classification: 0 },
    ];
    const reply = replyOf(floats('a', 1), floats('b', 2), floats('c', 3));
    const binaryOnes = (shape: ReplyShape) =>
      JSON.parse(encodeReply(shape, reply).json)
        .outputs.filter((one: object) => 'parameters' in one)
        .map((one: { name: string }) => one.name);
    assert.deepEqual(binaryOnes({ ...BINARY, outputs }), ['a', 'c']);
    assert.deepEqual(binaryOnes({ ...PLAIN, outputs }), ['c']);
    assert.deepEqual(binaryOnes(BINARY), ['a', 'b', 'c']);
  });

  it('is followed by its binary tensors, in the body of HTTP and in a WebSocket frame', () => {
    const encoded = encodeReply({ ...BINARY, id: '日本' }, replyOf(floats('a', 1, 2), floats('b', 3)));
    const tensors = Buffer.from(Float32Array.of(1, 2, 3).buffer);
    assert.equal(encoded.binary_bytes, 12);
    const { body, json_bytes } = joinedBody(encoded);
    assert.equal(body.toString('utf8', 0, json_bytes), encoded.json);
    assert.deepEqual(body.subarray(json_bytes), tensors);
    assert.deepEqual(JSON.parse(encoded.json).outputs[0].parameters, { binary_data_size: 8 });
    const frame = joinedFrame(encoded);
    assert.equal(frame.readUInt32LE(0), json_bytes);
    assert.deepEqual(frame.subarray(4), body);
  });

  it('is JSON alone when its binary tensors are empty', () => {
    const encoded = encodeReply(BINARY, replyOf(floats('a')));
    assert.equal(encoded.binary_bytes, 0);
    assert.deepEqual(encoded.binary, []);
    assert.deepEqual(JSON.parse(encoded.json).outputs[0].parameters, { binary_data_size: 0 });
  });

  it('says what JSON cannot carry, and what to do', () => {
    refuses(
      () => encodeReply(PLAIN, replyOf(floats('a', 1, Number.NaN))),
      'INVALID_VALUE',
      /output 'a' holds NaN at index 1.*binary/,
    );
    refuses(() => encodeReply(PLAIN, replyOf(floats('a', -Infinity))), 'INVALID_VALUE', /-Infinity/);
    refuses(
      () => encodeReply(PLAIN, replyOf(output('h', 'FP16', [1], new Uint8Array(2)))),
      'INVALID_DATATYPE',
      /sending FP16 data via JSON is not supported\. Please use the binary data format for output/,
    );
    refuses(() => encodeReply(PLAIN, replyOf(output('h', 'BF16', [1], new Uint8Array(2)))), 'INVALID_DATATYPE', /BF16/);
    const notText = strings(Buffer.from('ok'), Buffer.from('fffe007a', 'hex'));
    refuses(() => encodeReply(PLAIN, replyOf(output('s', 'BYTES', [2], notText))), 'INVALID_VALUE', /index 1.*UTF-8/);
    assert.equal(encodeReply(BINARY, replyOf(output('s', 'BYTES', [2], notText))).binary_bytes, notText.length);
    refuses(
      () => encodeReply(PLAIN, replyOf(output('s', 'BYTES', [1], Buffer.from('05000000ab', 'hex')))),
      'BACKEND_FAILED',
      /cut off/,
    );
  });

  it('does not keep the body of its request', () => {
    const body = Buffer.from('{"id":"x","inputs":[]}');
    const request = parseInferRequest(
      body,
      body.length,
      { model: 'm', version: '' },
      { max_json_depth: 9, max_tensor_dims: 9 },
    );
    assert.deepEqual(replyShape(request), { id: 'x', outputs: undefined, binary_output: false });
  });
});

/** What an output says, sent back as an input, and decoded. */
function roundTrip(tensor: OutputTensor, shape: ReplyShape): Uint8Array {
  const encoded = encodeReply(shape, replyOf(tensor));
  const json = Buffer.from(encoded.json.replace('"outputs":', '"inputs":'));
  const body = Buffer.concat([json, ...encoded.binary]);
  const request = parseInferRequest(
    body,
    json.length,
    { model: 'm', version: '' },
    { max_json_depth: 9, max_tensor_dims: 9 },
  );
  const [input] = request.inputs;
  assert.ok(input !== undefined);
  const length = tensorByteLength(request.source, input);
  const memory = new SlabViews(new SharedArrayBuffer(Math.ceil(length / 8) * 8));
  decodeTensor(request.source, input, memory, 0);
  return Uint8Array.from(memory.u8.subarray(0, length));
}

describe('every datatype comes back to the bit', () => {
  for (const datatype of DATATYPES) {
    const width = DATATYPE_BYTES[datatype];
    const tensors =
      width === 0
        ? fc
            .array(fc.string({ unit: 'binary' }))
            .map((texts) => [texts.length, strings(...texts.map((text) => Buffer.from(text)))] as const)
        : fc.uint8Array({ maxLength: 96 }).map((bytes) => {
            const count = Math.floor(bytes.length / width);
            const content = Uint8Array.from(bytes.subarray(0, count * width));
            return [count, datatype === 'BOOL' ? content.map((byte) => byte & 1) : finite(datatype, content)] as const;
          });
    it(`${datatype} through binary${datatype === 'FP16' || datatype === 'BF16' ? '' : ' and JSON'}`, () => {
      fc.assert(
        fc.property(tensors, ([count, content]) => {
          const tensor = output('x', datatype, [count], content);
          assert.deepEqual(roundTrip(tensor, BINARY), Uint8Array.from(content));
          if (datatype !== 'FP16' && datatype !== 'BF16')
            assert.deepEqual(roundTrip(tensor, PLAIN), Uint8Array.from(content));
        }),
      );
    });
  }
});

/** Random bytes, with a bit of the exponent cleared where they would be NaN or infinite. */
function finite(datatype: Datatype, bytes: Uint8Array): Uint8Array {
  const width = DATATYPE_BYTES[datatype];
  if (datatype === 'FP32' || datatype === 'FP64') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += width) {
      const value = width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
      if (!Number.isFinite(value)) bytes[at + width - 1] &= 0xbf;
    }
  }
  return bytes;
}
