import { deflateSync, gzipSync } from 'node:zlib';
import type { CaseRequest } from '../harness/triton-case.js';

export const MAX_BODY = 64 * 1024;
/** Where the transport itself is broken, hanging up is an answer, too. */
export const CLOSED = 0;

export interface Bad {
  readonly what: string;
  readonly request: CaseRequest | Buffer;
  /** Statuses that are right; CLOSED among them where the server may hang up. */
  readonly wanted: readonly number[];
  readonly code?: string;
  readonly halfClose?: boolean;
}

function infer(model: string, body: unknown, headers: Readonly<Record<string, string>> = {}): CaseRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'POST', path: `/v2/models/${model}/infer`, headers, body: text };
}

function binary(model: string, json: unknown, tail: Buffer): CaseRequest {
  const text = Buffer.from(JSON.stringify(json));
  return {
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: { 'Inference-Header-Content-Length': String(text.length) },
    body_base64: Buffer.concat([text, tail]).toString('base64'),
  };
}

function packed(bytes: Buffer, encoding: string): CaseRequest {
  const headers = { 'Content-Encoding': encoding };
  return { method: 'POST', path: '/v2/models/add_sub_int32/infer', headers, body_base64: bytes.toString('base64') };
}

const ONES = Array.from({ length: 16 }, () => 1);
const int = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  name,
  datatype: 'INT32',
  shape: [1, 16],
  data: ONES,
  ...more,
});
export const GOOD = infer('add_sub_int32', { inputs: [int('INPUT0'), int('INPUT1')] });
const one = (datatype: string, data: string): CaseRequest =>
  infer(
    `identity_${datatype.toLowerCase()}`,
    `{"inputs":[{"name":"INPUT0","datatype":"${datatype}","shape":[1,1],"data":[${data}]}]}`,
  );
const sized = (size: unknown) => ({
  inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: size } }],
});
const strings = (bytes: Buffer): CaseRequest =>
  binary(
    'identity_bytes',
    { inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1, 1], parameters: { binary_data_size: bytes.length } }] },
    bytes,
  );
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** What is wrong in the message; HTTP itself is right. */
export const MESSAGES: readonly Bad[] = [
  { what: 'broken JSON', request: infer('add_sub_int32', '{"inputs":[{"name"'), wanted: [400] },
  { what: 'no JSON at all', request: infer('add_sub_int32', '\u0000\u0001'), wanted: [400] },
  { what: 'an empty body', request: infer('add_sub_int32', ''), wanted: [400] },
  {
    what: 'deep JSON where nothing is looked for',
    request: infer('add_sub_int32', `{"x":${'['.repeat(20_000)}`),
    wanted: [400],
  },
  {
    what: 'deep JSON in data',
    request: infer(
      'identity_fp32',
      `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":${'['.repeat(5000)}1${']'.repeat(5000)}}]}`,
    ),
    wanted: [400],
  },
  {
    what: 'a wrong shape',
    request: infer('add_sub_int32', { inputs: [int('INPUT0', { shape: [1, 15] }), int('INPUT1')] }),
    wanted: [400],
  },
  {
    what: 'too few dimensions',
    request: infer('add_sub_int32', { inputs: [int('INPUT0', { shape: [16] }), int('INPUT1')] }),
    wanted: [400],
  },
  {
    what: 'a negative dimension',
    request: infer('add_sub_int32', { inputs: [int('INPUT0', { shape: [-1, 16] }), int('INPUT1')] }),
    wanted: [400],
  },
  {
    what: 'a shape whose product overflows',
    request: infer('identity_fp32', {
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [4294967296, 4294967296], data: [1] }],
    }),
    wanted: [400],
  },
  {
    what: 'a wrong datatype',
    request: infer('add_sub_int32', { inputs: [int('INPUT0', { datatype: 'FP32' }), int('INPUT1')] }),
    wanted: [400],
  },
  {
    what: 'an unknown datatype',
    request: infer('add_sub_int32', { inputs: [int('INPUT0', { datatype: 'INT128' }), int('INPUT1')] }),
    wanted: [400],
  },
  {
    what: 'a missing input',
    request: infer('add_sub_int32', { inputs: [int('INPUT0')] }),
    wanted: [400],
    code: 'INVALID_TENSOR_NAME',
  },
  { what: 'no inputs', request: infer('add_sub_int32', {}), wanted: [400] },
  {
    what: 'an extra input',
    request: infer('add_sub_int32', { inputs: [int('INPUT0'), int('INPUT1'), int('INPUT2')] }),
    wanted: [400],
    code: 'INVALID_TENSOR_NAME',
  },
  {
    what: 'an input twice',
    request: infer('add_sub_int32', { inputs: [int('INPUT0'), int('INPUT1'), int('INPUT1')] }),
    wanted: [400],
    code: 'INVALID_TENSOR_NAME',
  },
  {
    what: 'an output twice',
    request: infer('add_sub_int32', {
      inputs: [int('INPUT0'), int('INPUT1')],
      outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }],
    }),
    wanted: [400],
    code: 'INVALID_TENSOR_NAME',
  },
  {
    what: 'an unknown output',
    request: infer('add_sub_int32', { inputs: [int('INPUT0'), int('INPUT1')], outputs: [{ name: 'OUTPUT9' }] }),
    wanted: [400],
    code: 'INVALID_TENSOR_NAME',
  },
  { what: 'NaN in JSON', request: one('FP32', 'NaN'), wanted: [200, 400] },
  { what: 'a word as a number', request: one('FP32', 'Infinityy'), wanted: [400] },
  { what: '300 as INT8', request: one('INT8', '300'), wanted: [400], code: 'INVALID_VALUE' },
  { what: 'a fraction as INT8', request: one('INT8', '1.5'), wanted: [400] },
  { what: 'a number of a thousand digits as INT8', request: one('INT8', '9'.repeat(1000)), wanted: [400] },
  { what: 'a string as FP32', request: one('FP32', '"1"'), wanted: [400] },
  { what: '2 as BOOL', request: one('BOOL', '2'), wanted: [400] },
  { what: 'an unknown model', request: infer('nobody', {}), wanted: [404], code: 'MODEL_NOT_FOUND' },
  {
    what: 'an unknown version',
    request: { ...GOOD, path: '/v2/models/add_sub_int32/versions/9/infer' },
    wanted: [404],
    code: 'MODEL_NOT_FOUND',
  },
  {
    what: 'a version that is no number',
    request: { ...GOOD, path: '/v2/models/add_sub_int32/versions/x/infer' },
    wanted: [400, 404],
  },
  { what: 'a broken percent sign in the path', request: { ...GOOD, path: '/v2/models/%zz/infer' }, wanted: [400, 404] },
  { what: 'a name that climbs out', request: { ...GOOD, path: '/v2/models/..%2f..%2fetc/infer' }, wanted: [400, 404] },
  { what: 'a negative binary_data_size', request: binary('identity_fp32', sized(-8), Buffer.alloc(8)), wanted: [400] },
  {
    what: 'a binary_data_size larger than the body',
    request: binary('identity_fp32', sized(1 << 30), Buffer.alloc(8)),
    wanted: [400],
  },
  {
    what: 'a binary_data_size smaller than the tensor',
    request: binary('identity_fp32', sized(4), Buffer.alloc(8)),
    wanted: [400],
  },
  { what: 'bytes that nobody claims', request: binary('identity_fp32', sized(8), Buffer.alloc(12)), wanted: [400] },
  {
    what: 'a fraction as binary_data_size',
    request: binary('identity_fp32', sized(8.5), Buffer.alloc(8)),
    wanted: [400],
  },
  {
    what: 'a string whose length runs past the end',
    request: strings(Buffer.concat([u32(100), Buffer.from('ab')])),
    wanted: [400],
  },
  {
    what: 'a string whose length is 4 GiB',
    request: strings(Buffer.concat([u32(0xffffffff), Buffer.from('ab')])),
    wanted: [400],
  },
  { what: 'half a length', request: strings(Buffer.from([1, 0])), wanted: [400] },
  {
    what: 'two strings for one element',
    request: strings(Buffer.concat([u32(1), Buffer.from('a'), u32(1), Buffer.from('b')])),
    wanted: [400],
  },
  { what: 'a bomb in gzip', request: packed(gzipSync(Buffer.alloc(20 << 20)), 'gzip'), wanted: [400, 413] },
  { what: 'a bomb in deflate', request: packed(deflateSync(Buffer.alloc(20 << 20)), 'deflate'), wanted: [400, 413] },
  {
    what: 'half a gzip stream',
    request: packed(gzipSync(Buffer.from(GOOD.body ?? '')).subarray(0, 40), 'gzip'),
    wanted: [400],
  },
  { what: 'no gzip at all', request: packed(Buffer.from('plain'), 'gzip'), wanted: [400] },
  { what: 'an unknown encoding', request: packed(Buffer.from('plain'), 'br'), wanted: [501] },
  { what: 'the wrong method', request: { ...GOOD, method: 'DELETE' }, wanted: [405] },
  { what: 'an unknown path', request: { method: 'GET', path: '/v3/models' }, wanted: [404] },
];

/** What uWebSockets.js does by itself, before anybody is asked. */
export const UWS_CANNOT: ReadonlyMap<string, string> = new Map([
  ['headers that are too large', 'uWebSockets.js reads its limit once for the process, and not for what comes at once'],
  ['headers that never end', 'uWebSockets.js has no time limit for headers'],
  ['two Content-Lengths', 'uWebSockets.js takes the first one'],
]);

const BODY = Buffer.from(GOOD.body ?? '');
const head = (...lines: string[]): Buffer =>
  Buffer.from(`POST /v2/models/add_sub_int32/infer HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`);

/** What is wrong on the wire. */
export const TRANSPORT: readonly Bad[] = [
  { what: 'a body that is announced too large', request: head(`Content-Length: ${MAX_BODY * 100}`), wanted: [413] },
  {
    what: 'a body that is too large',
    request: infer('add_sub_int32', 'x'.repeat(MAX_BODY + 1)),
    wanted: [413, CLOSED],
    code: 'BODY_TOO_LARGE',
  },
  {
    what: 'chunks that become too large',
    request: Buffer.concat([
      head('Transfer-Encoding: chunked'),
      Buffer.from(`${(MAX_BODY + 10).toString(16)}\r\n${'x'.repeat(MAX_BODY + 10)}\r\n0\r\n\r\n`),
    ]),
    wanted: [413, CLOSED],
  },
  {
    what: 'headers that are too large',
    request: { ...GOOD, headers: { 'X-Long': 'x'.repeat(100_000) } },
    wanted: [431, 413, 400, CLOSED],
  },
  {
    what: 'a body that never comes',
    request: Buffer.concat([head(`Content-Length: ${BODY.length}`), BODY.subarray(0, 20)]),
    wanted: [408, CLOSED],
  },
  { what: 'headers that never end', request: Buffer.from('GET /v2 HTTP/1.1\r\nHost: x\r\n'), wanted: [408, CLOSED] },
  {
    what: 'a socket that is half-closed in the body',
    request: Buffer.concat([head(`Content-Length: ${BODY.length}`), BODY.subarray(0, 20)]),
    wanted: [400, 408, CLOSED],
    halfClose: true,
  },
  {
    what: 'a negative Content-Length',
    request: Buffer.concat([head('Content-Length: -5'), BODY]),
    wanted: [400, CLOSED],
  },
  {
    what: 'a Content-Length of words',
    request: Buffer.concat([head('Content-Length: many'), BODY]),
    wanted: [400, CLOSED],
  },
  {
    what: 'two Content-Lengths',
    request: Buffer.concat([head('Content-Length: 5', `Content-Length: ${BODY.length}`), BODY]),
    wanted: [400, CLOSED],
  },
  {
    what: 'chunks of a size that is no number',
    request: Buffer.concat([head('Transfer-Encoding: chunked'), Buffer.from('zz\r\nabc\r\n')]),
    wanted: [400, CLOSED],
  },
  {
    what: 'what is no HTTP',
    request: Buffer.from('\u0016\u0003\u0001\u0002\u0000hello\r\n\r\n'),
    wanted: [400, 505, CLOSED],
  },
];
