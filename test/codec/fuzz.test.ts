import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { asTidegateError } from '../../contract/error.js';
import { decompress } from '../../runtime/codec/compression.js';
import { parseInferRequest } from '../../runtime/codec/infer-request.js';
import { parseJson } from '../../runtime/codec/json-document.js';
import { parseJsonLength } from '../../runtime/codec/json-length.js';
import { parseRawRequest } from '../../runtime/codec/raw-request.js';
import { bytesOf, decode, LIMITS, TARGET } from './request-bodies.js';

const SMALL_LIMITS = { max_json_depth: 12, max_tensor_dims: 4 };

/** Bodies that between them pass every branch of the readers. */
const SEEDS = [
  bytesOf(
    '{"inputs":[{"name":"input","datatype":"FP32","shape":[1,4],"data":[0.1234,-5.678e-3,12345678901234567890,0]}]}',
  ),
  bytesOf(
    '{"id":"\\u00e9\\ud83e\\udd8a","inputs":[{"data":[[1,2],[3,-4]],"shape":[2,2],"datatype":"INT16","name":"a\\"b"}],"x":{"y":[true,false,null,{}]}}',
  ),
  bytesOf(
    '{"parameters":{"sequence_id":18446744073709551615,"priority":1,"timeout":9,"binary_data_output":true,"a":"b"},"inputs":[{"name":"S","datatype":"BYTES","shape":[2],"data":["h\\u00e9","日本"]},{"name":"L","datatype":"UINT64","shape":[2],"data":[18446744073709551615,1.50e1]},{"name":"B","datatype":"BOOL","shape":[3],"data":[true,false,1]}],"outputs":[{"name":"o","parameters":{"classification":3,"binary_data":false}}]}',
  ),
  bytesOf(
    '{"inputs":[{"name":"S","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":13}},{"name":"H","datatype":"FP16","shape":[2,1],"parameters":{"binary_data_size":4}}]}',
    Buffer.from('0300000061626302000000c3a9', 'hex'),
    Buffer.from('003c0040', 'hex'),
  ),
];

/** Bytes that mean something to the readers are likelier than others. */
const telling = fc.oneof(
  fc.constantFrom(...Buffer.from('{}[]",:\\.-+eEu0123456789 \n\ttfn')),
  fc.integer({ min: 0, max: 255 }),
);

/** Reads and decodes; what is refused must be refused by a TidegateError that blames the request. */
function attempt(body: Uint8Array, jsonLength: number, limits = LIMITS): void {
  try {
    const request = parseInferRequest(body, jsonLength, TARGET, limits);
    for (const input of request.inputs) {
      assert.ok(input.start >= 0 && input.start <= input.end && input.end <= body.length);
      assert.ok(input.encoding === 'json' ? input.end <= jsonLength : input.start >= jsonLength);
      decode(request.source, input);
    }
  } catch (error) {
    refused(error);
  }
}

function refused(error: unknown): void {
  const known = asTidegateError(error);
  assert.ok(known === error && known.status >= 400 && known.status < 502 && known.status !== 500, String(error));
}

describe('no body makes the codec do anything but answer or refuse', () => {
  it('cut at every byte, in its JSON and in its binary part', () => {
    for (const { body, jsonLength } of SEEDS) {
      for (let length = 0; length <= body.length; length++) {
        attempt(body.subarray(0, length), Math.min(length, jsonLength));
        attempt(body, Math.min(length, jsonLength));
      }
    }
  });

  it('with any byte replaced by any telling one', () => {
    const bytes = Buffer.from('{}[]",:\\-0e.t \x00\xff', 'latin1');
    for (const { body, jsonLength } of SEEDS) {
      for (let at = 0; at < body.length; at++) {
        for (const byte of bytes) {
          const changed = Buffer.from(body);
          changed[at] = byte;
          attempt(changed, jsonLength);
        }
      }
    }
  });

  it('with bytes changed, inserted and removed at random', () => {
    const change = fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), insert: fc.array(telling, { maxLength: 4 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...SEEDS),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        ({ body, jsonLength }, changes) => {
          let bytes = body;
          let length = jsonLength;
          for (const { at, remove, insert } of changes) {
            const place = at % (bytes.length + 1);
            bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(insert), bytes.subarray(place + remove)]);
            if (place < length) length += insert.length - remove;
          }
          attempt(bytes, Math.max(0, Math.min(length, bytes.length)), SMALL_LIMITS);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('made of nothing but brackets, quotes and digits', () => {
    fc.assert(
      fc.property(fc.array(telling, { maxLength: 60 }), (bytes) => {
        const json = Buffer.from(bytes);
        attempt(json, json.length);
        attempt(Buffer.concat([Buffer.from('{"inputs":['), json]), json.length + 11);
        const tensor = Buffer.concat([
          Buffer.from('{"inputs":[{"name":"X","datatype":"FP32","shape":[2],"data":['),
          json,
          Buffer.from(']}]}'),
        ]);
        attempt(tensor, tensor.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('of a hundred thousand brackets, which no stack could follow', () => {
    const limits = { max_json_depth: 1_000_000, max_tensor_dims: 32 };
    const deep = Buffer.from(`{"x":${'[{"a":'.repeat(100_000)}`);
    attempt(deep, deep.length, limits);
    const data = Buffer.from(`{"inputs":[{"name":"X","datatype":"FP32","shape":[1,1],"data":${'['.repeat(200_000)}`);
    attempt(data, data.length, limits);
  });
});

describe('the other readers', () => {
  it('agree with JSON.parse on what is JSON, and on its value', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(telling, { maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        ),
        (text) => {
          let expected: unknown;
          let isJson = true;
          try {
            expected = JSON.parse(text);
          } catch {
            isJson = false;
          }
          // JSON.parse takes lone surrogates, which are no Unicode text; a deep value is refused for its depth.
          if (/\\u[dD]/.test(text)) return;
          try {
            assert.deepEqual(parseJson(Buffer.from(text), 100), expected);
            assert.ok(isJson, `taken: ${text}`);
          } catch (error) {
            refused(error);
            assert.ok(!isJson, `refused: ${text}`);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('of raw requests, lengths and compressed bodies refuse what they cannot read', () => {
    const spec = { name: 'X', datatype: 'FP32', shape: [3, -1], symbols: ['', 'n'] } as const;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string(), (bytes, text) => {
        for (const act of [
          () => parseRawRequest(bytes, TARGET, { inputs: [spec], outputs: [] }, { max_batch: 0, reason: '' }),
          () => parseJsonLength(text, bytes.length),
          () => decompress(bytes, 'gzip', 1000),
          () => decompress(bytes, 'deflate', 1000),
        ]) {
          try {
            act();
          } catch (error) {
            refused(error);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
