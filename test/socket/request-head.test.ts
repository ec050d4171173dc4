import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { ChunkedBody } from '../../runtime/socket/chunked-body.js';
import { headerValue, parseHead, type RequestHead } from '../../runtime/socket/request-head.js';
import { chunked } from './raw-client.js';

function head(text: string): RequestHead {
  const parsed = parseHead(text);
  assert.ok(typeof parsed === 'object', `${text}: ${parsed}`);
  return parsed;
}

it('reads method, path, version, body and connection of a head', () => {
  const parsed = head('POST /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nCONTENT-Length:  5 \r\nX-Odd:\r\nX-Case: AbC');
  assert.deepEqual([parsed.method, parsed.path, parsed.http10, parsed.body_bytes], ['POST', '/a%20b', false, 5]);
  assert.deepEqual([parsed.closes, parsed.expects, parsed.upgrade], [false, 'nothing', false]);
  assert.equal(headerValue(parsed.lower, parsed.lines, 'x-case'), 'AbC');
  assert.equal(headerValue(parsed.lower, parsed.lines, 'x-odd'), '');
  assert.equal(headerValue(parsed.lower, parsed.lines, 'case'), undefined);
  assert.equal(head('GET http://x:1/v2?y HTTP/1.1\r\nHost: x').path, '/v2');
  assert.equal(head('GET / HTTP/1.0').closes, true);
  assert.equal(head('GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive, Close').closes, true);
  assert.equal(head('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked').body_bytes, -1);
  assert.equal(
    head('GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket').upgrade,
    true,
  );
});

it('refuses what servers read in different ways', () => {
  const host = '\r\nHost: x';
  const malformed = [
    'GET /',
    'GET  / HTTP/1.1',
    `GET / HTTP/1.1 ${host}`,
    `GET /a b HTTP/1.1${host}`,
    `G\u00e4T / HTTP/1.1${host}`,
    'GET / HTTP/1.1',
    `GET / HTTP/1.1${host}\r\nName : v`,
    `GET / HTTP/1.1${host}\r\n folded`,
    `GET / HTTP/1.1${host}\r\nno colon`,
    `GET / HTTP/1.1${host}\r\n: v`,
    `GET / HTTP/1.1${host}\r\na: b\nc: d`,
    `GET / HTTP/1.1${host}\r\na: b\rc`,
    `GET / HTTP/1.1${host}\r\na: \0`,
    ...['-5', '+5', '5, 5', '0x5', '5 5', '', '99999999999999999999'].map(
      (length) => `POST / HTTP/1.1${host}\r\nContent-Length: ${length}`,
    ),
    `POST / HTTP/1.1${host}\r\nContent-Length: 5\r\nContent-Length: 5`,
    `POST / HTTP/1.1${host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked`,
    `POST / HTTP/1.1${host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked`,
  ];
  for (const text of malformed) assert.equal(parseHead(text), 'malformed', JSON.stringify(text));
  assert.equal(parseHead(`GET / HTTP/2.0${host}`), 'version');
  for (const coding of ['squeeze', 'gzip, chunked', 'chunked, identity']) {
    assert.equal(parseHead(`POST / HTTP/1.1${host}\r\nTransfer-Encoding: ${coding}`), 'coding');
  }
});

it('never throws, whatever the text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseHead(text)));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => void parseHead(`GET / HTTP/1.1\r\nHost: x\r\n${text}`)),
  );
});

it('reads a chunked body cut anywhere, and stops where it ends', () => {
  const bodies = fc.tuple(
    fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
    fc.integer({ min: 1, max: 20 }),
    fc.array(fc.nat(200)),
  );
  fc.assert(
    fc.property(bodies, ([text, size, cuts]) => {
      const wire = Buffer.from(`${chunked(text, size)}the next request`);
      const end = wire.length - 'the next request'.length;
      const chunks = new ChunkedBody(1000);
      const places = [...new Set([...cuts.map((cut) => cut % wire.length), wire.length])].sort((a, b) => a - b);
      let from = 0;
      for (const to of places) {
        if (chunks.done) break;
        const read = chunks.read(wire.subarray(from, to), 0);
        assert.ok(typeof read === 'number');
        from += read;
      }
      assert.ok(chunks.done);
      assert.equal(from, end);
      assert.equal(Buffer.from(chunks.bytes).toString(), text);
    }),
  );
});

it('takes extensions and trailers, and refuses sizes, line ends and lengths that are none', () => {
  const read = (wire: string): ChunkedBody | string => {
    const chunks = new ChunkedBody(100);
    const place = chunks.read(Buffer.from(wire), 0);
    return typeof place === 'string' ? place : chunks;
  };
  const good = read('3;a=b\r\nabc\r\n0;x\r\nTrailer: x\r\n\r\n');
  assert.ok(typeof good === 'object' && good.done);
  for (const wire of [
    'zz\r\n',
    '-1\r\n',
    ' 3\r\n',
    '\r\n',
    '3\nabc',
    '3\r\nabcd\r\n',
    'fffffffffffffff\r\n',
    'a'.repeat(5000),
  ]) {
    assert.equal(read(wire), 'malformed', wire.slice(0, 40));
  }
  assert.equal(read('fffff\r\n'), 'too large');
  const over = read(`65\r\n${'x'.repeat(101)}\r\n0\r\n\r\n`);
  assert.ok(typeof over === 'object' && over.done && over.overflowed);
});
