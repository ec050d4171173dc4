import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import {
  chooseEncoding,
  compress,
  compressLater,
  contentEncoding,
  decompress,
  decompressLater,
  decompressNow,
  SYNC_BYTES,
} from '../../runtime/codec/compression.js';
import { refuses } from './request-bodies.js';

const TEXT = Buffer.from('{"inputs":[]}'.repeat(20));
const ZIPPED = zlib.gzipSync(TEXT);
const DEFLATED = zlib.deflateSync(TEXT);

describe('a compressed body', () => {
  it('is inflated: gzip with all its members, deflate in its wrapping, and identity left as it is', async () => {
    assert.deepEqual(Buffer.from(decompress(ZIPPED, 'gzip', 1000)), TEXT);
    assert.deepEqual(
      Buffer.from(decompress(Buffer.concat([ZIPPED, ZIPPED]), 'gzip', 1000)),
      Buffer.concat([TEXT, TEXT]),
    );
    assert.deepEqual(Buffer.from(decompress(DEFLATED, 'deflate', 1000)), TEXT);
    assert.equal(decompress(TEXT, 'identity', 1000), TEXT);
    assert.equal(decompress(zlib.gzipSync(''), 'gzip', 1000).length, 0);
    assert.deepEqual(Buffer.from(await decompressLater(ZIPPED, 'gzip', 1000)), TEXT);
    assert.deepEqual(Buffer.from(await decompressLater(DEFLATED, 'deflate', 1000)), TEXT);
  });

  it('is refused when it is corrupt, cut off, followed by other bytes or called by the other name', async () => {
    const flipped = Buffer.from(ZIPPED);
    flipped[flipped.length - 6] ^= 0xff;
    const garbage = Buffer.from('garbage');
    for (const body of [flipped, ZIPPED.subarray(0, -1), Buffer.concat([ZIPPED, garbage]), DEFLATED, Buffer.alloc(0)]) {
      refuses(() => decompress(body, 'gzip', 1000), 'INVALID_REQUEST');
      await assert.rejects(decompressLater(body, 'gzip', 1000), { code: 'INVALID_REQUEST' });
    }
    for (const body of [
      DEFLATED.subarray(0, -1),
      Buffer.concat([DEFLATED, garbage]),
      ZIPPED,
      zlib.deflateRawSync(TEXT),
    ]) {
      refuses(() => decompress(body, 'deflate', 1000), 'INVALID_REQUEST');
      await assert.rejects(decompressLater(body, 'deflate', 1000), { code: 'INVALID_REQUEST' });
    }
  });

  it('stops at the limit, so that a bomb costs no more than that', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(32 * 1024 * 1024));
    refuses(() => decompress(bomb, 'gzip', 1000), 'BODY_TOO_LARGE', /1000 bytes/);
    refuses(() => decompressNow(bomb, 'gzip', 1000) ?? assert.fail('put off'), 'BODY_TOO_LARGE');
    await assert.rejects(decompressLater(bomb, 'gzip', 1_000_000), { code: 'BODY_TOO_LARGE' });
    refuses(() => decompress(TEXT, 'identity', 10), 'BODY_TOO_LARGE');
    assert.equal(decompress(ZIPPED, 'gzip', TEXT.length).length, TEXT.length);
    refuses(() => decompress(ZIPPED, 'gzip', TEXT.length - 1), 'BODY_TOO_LARGE');
  });

  it('is put off when it would block the thread, small as it may be when compressed', () => {
    const large = zlib.gzipSync(Buffer.alloc(SYNC_BYTES + 1));
    assert.equal(decompressNow(large, 'gzip', 10 * SYNC_BYTES), undefined);
    assert.deepEqual(Buffer.from(decompressNow(ZIPPED, 'gzip', 10 * SYNC_BYTES) ?? []), TEXT);
    assert.equal(decompressNow(TEXT, 'identity', 10 * SYNC_BYTES), TEXT);
  });

  it('is named by Content-Encoding, in any case', () => {
    for (const [header, encoding] of [
      ['', 'identity'],
      ['identity', 'identity'],
      ['gzip', 'gzip'],
      ['GZIP', 'gzip'],
      ['x-gzip', 'gzip'],
      ['deflate', 'deflate'],
    ] as const) {
      assert.equal(contentEncoding(header), encoding);
    }
    for (const header of ['squeeze', 'gzip, deflate', 'br'])
      refuses(() => contentEncoding(header), 'UNSUPPORTED_ENCODING');
  });
});

describe('an answer is compressed', () => {
  it('in what the client likes best, and not at all without its word', () => {
    const cases = [
      ['', 'identity'],
      ['gzip', 'gzip'],
      ['deflate', 'deflate'],
      ['gzip, deflate', 'gzip'],
      ['deflate, gzip', 'deflate'],
      ['gzip;q=0.5, deflate;q=0.8', 'deflate'],
      ['gzip;Q=0.5,deflate; q = 0.8', 'deflate'],
      ['identity;q=1, gzip;q=0.5', 'identity'],
      ['gzip;q=0', 'identity'],
      ['gzip;q=2', 'identity'],
      ['gzip;q=x, deflate;q=0.001', 'deflate'],
      ['*', 'identity'],
      ['br, zstd', 'identity'],
      [',;,=', 'identity'],
    ] as const;
    for (const [header, encoding] of cases) assert.equal(chooseEncoding(header), encoding, header);
  });

  it('so that it inflates to itself', async () => {
    for (const encoding of ['gzip', 'deflate'] as const) {
      assert.deepEqual(Buffer.from(decompress(compress(TEXT, encoding), encoding, 1000)), TEXT);
      assert.deepEqual(
        Buffer.from(decompress(await compressLater('é日本', encoding), encoding, 1000)),
        Buffer.from('é日本'),
      );
    }
  });
});
