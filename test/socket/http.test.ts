import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { ask, chunked, RawClient, request } from './raw-client.js';
import { EchoFace, missing, openSocket, SOCKETS } from './rig.js';

/** What uWebSockets.js does and nothing here can change. */
const UWS_HANGS_UP = 'uWebSockets.js hangs up on a request that comes before the answer to the one before';
const UWS_STAYS_SILENT =
  'uWebSockets.js says nothing for ten seconds to a request of more than about a hundred headers';
const UWS_FORGETS = 'uWebSockets.js answers 505 to what follows, and drops the answer that it owes';

const BODY = 'a body of some bytes';

for (const name of SOCKETS) {
  describe(`HTTP over ${name}`, { skip: await missing(name) }, () => {
    it('hands over method, path without query, headers by lower-case name, and the body', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const reply = await ask(port, request({ path: '/a%20b?x=1&y', headers: ['X-SEEN: it'], body: BODY }));
      assert.equal(reply?.status, 200);
      assert.equal(reply.headers['content-type'], 'text/plain');
      assert.equal(reply.body.toString(), `POST /a%20b it|${BODY}`);
    });

    it('takes bodies in chunks of any size', async () => {
      const { port } = await openSocket(name, new EchoFace());
      for (const size of [1, 7, 1000]) {
        const head = request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] });
        const reply = await ask(port, head + chunked(BODY, size));
        assert.equal(reply?.body.toString(), `POST /echo |${BODY}`);
      }
    });

    it('takes a request cut in two at every byte', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const whole = request({ body: BODY });
      // uWebSockets.js answers 505 to a request line that does not arrive in one piece, and hangs up.
      const firstCut = name === 'uws' ? whole.indexOf('\r\n') + 2 : 1;
      const cuts = Array.from({ length: whole.length - firstCut }, (_, i) => firstCut + i);
      const parts = cuts.map((cut) => [whole.slice(0, cut), whole.slice(cut)]);
      const replies = await Promise.all(
        parts.map(async ([first = '', second = '']) => {
          const client = await RawClient.open(port);
          client.send(first);
          await later(20);
          client.send(second);
          const reply = await client.reply();
          client.close();
          return reply?.body.toString();
        }),
      );
      assert.deepEqual(new Set(replies), new Set([`POST /echo |${BODY}`]));
    });

    it('takes headers and body byte by byte', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const whole = request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] }) + chunked(BODY, 3);
      const client = await RawClient.open(port);
      const line = whole.indexOf('\r\n') + 2;
      client.send(whole.slice(0, line));
      await client.dribble(whole.slice(line));
      assert.equal((await client.reply())?.body.toString(), `POST /echo |${BODY}`);
      client.close();
    });

    it('takes a body of many pieces whole', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const body = 'x'.repeat(3_000_000);
      const reply = await ask(port, request({ body }));
      assert.equal(reply?.body.length, 'POST /echo |'.length + body.length);
    });

    it('keeps the connection for the next request, after refusals too', async () => {
      const { port } = await openSocket(name, new EchoFace(), { max_body_bytes: 100 });
      const client = await RawClient.open(port);
      const expected: [string, number][] = [
        [request(), 200],
        [request({ path: '/no', body: BODY }), 404],
        [request({ body: 'x'.repeat(200) }), 413],
        [request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] }) + chunked('x'.repeat(200), 30), 413],
        [request({ path: '/late', body: BODY }), 200],
      ];
      for (const [bytes, status] of expected) {
        client.send(bytes);
        assert.equal((await client.reply())?.status, status);
      }
      client.close();
    });

    it('answers pipelined requests in their order', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.send(request({ path: '/1' }) + request({ path: '/2', body: BODY }) + request({ path: '/3' }));
      const replies = [await client.reply(), await client.reply(), await client.reply()];
      assert.deepEqual(
        replies.map((reply) => reply?.body.toString()),
        ['GET /1 |', `POST /2 |${BODY}`, 'GET /3 |'],
      );
      client.close();
    });

    it('answers pipelined requests in their order when the answers come late', {
      skip: name === 'uws' && UWS_HANGS_UP,
    }, async () => {
      const face = new EchoFace();
      const { port } = await openSocket(name, face);
      const client = await RawClient.open(port);
      client.send(request({ path: '/hold' }) + request({ path: '/late', body: BODY }) + request({ path: '/3' }));
      await face.someoneHeld();
      while (name === 'net' && face.taken < 3) await later(2);
      face.release();
      const replies = [await client.reply(), await client.reply(), await client.reply()];
      assert.deepEqual(
        replies.map((reply) => reply?.body.toString()),
        ['released', `POST /late |${BODY}`, 'GET /3 |'],
      );
      client.close();
    });

    it('takes many headers', { skip: name === 'uws' && UWS_STAYS_SILENT }, async () => {
      const { port } = await openSocket(name, new EchoFace());
      const headers = Array.from({ length: 200 }, (_, i) => `X-${i}: v`);
      assert.equal(
        (await ask(port, request({ headers: [...headers, 'X-Seen: it'] })))?.body.toString(),
        'GET /echo it|',
      );
    });

    it('answers a request before the garbage behind it', { skip: name === 'uws' && UWS_FORGETS }, async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.send(`${request({ path: '/late' })}\0 garbage\r\n\r\n`);
      const first = await client.reply();
      // node:http hangs up, since an answer is owed that must come first.
      if (name === 'net') assert.equal(first?.body.toString(), 'GET /late |');
      await client.hungUp();
    });

    it('answers HTTP/1.0 and closes, or says that it does not speak it', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.send(request({ version: 'HTTP/1.0', body: BODY }));
      const reply = await client.reply();
      // uWebSockets.js refuses it before anything here hears of the request.
      assert.equal(reply?.status, name === 'uws' ? 505 : 200);
      await client.hungUp();
    });

    it('answers HEAD with the length and without the body', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.send(request({ method: 'HEAD', path: '/x' }));
      const head = await client.reply(true);
      assert.equal(head?.status, 200);
      assert.ok(Number(head.headers['content-length']) > 0);
      client.send(request({ path: '/next' }));
      assert.equal((await client.reply())?.body.toString(), 'GET /next |');
      client.close();
    });

    it('says 100 Continue to who waits for it', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      const whole = request({ headers: ['Expect: 100-continue'], body: BODY });
      client.send(whole.slice(0, -BODY.length));
      while (!client.text.startsWith('HTTP/1.1 100 ')) await later(2);
      client.send(BODY);
      assert.equal((await client.reply())?.body.toString(), `POST /echo |${BODY}`);
      client.close();
    });

    it('closes after the answer when the client asks for it', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.send(request({ path: '/late', headers: ['Connection: close'] }));
      assert.equal((await client.reply())?.status, 200);
      await client.hungUp();
    });

    it('tells once that the caller left, and answers nobody then', async () => {
      const face = new EchoFace();
      const { port } = await openSocket(name, face);
      const client = await RawClient.open(port);
      client.send(request({ path: '/hold', body: BODY }));
      await face.someoneHeld();
      client.close();
      await face.someoneGone();
      face.release();
      await later(10);
      assert.equal(face.gone, 1);
      assert.equal((await ask(port, request()))?.status, 200);
    });

    it('does not hand over a body whose sender left in the middle', async () => {
      const face = new EchoFace();
      const { port } = await openSocket(name, face);
      const client = await RawClient.open(port);
      client.send(request({ body: BODY }).slice(0, -5));
      while (face.begun === 0) await later(2);
      client.close();
      await later(20);
      assert.equal((await ask(port, request()))?.status, 200);
      assert.deepEqual([face.taken, face.gone], [1, 0]);
    });

    it('closes what is half-closed before its request was whole', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      client.socket.end(request({ body: BODY }).slice(0, -5));
      const reply = await client.reply();
      assert.ok(reply === undefined || reply.status >= 400);
      await client.hungUp();
    });

    it('refuses or closes malformed HTTP and serves on', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const malformed = [
        'GET /v2 JUNK\r\nHost: x\r\n\r\n',
        'GET /v2 HTTP/1.1\nHost: x\n\n',
        'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
        '\0\x01\x02\x03\r\n\r\n',
        request({ method: 'POST', headers: ['Content-Length: -5'] }) + BODY,
        request({ method: 'POST', headers: ['Content-Length: abc'] }) + BODY,
        request({ method: 'POST', headers: ['Content-Length: 99999999999999999999'] }) + BODY,
        request({ method: 'POST', headers: ['Transfer-Encoding: squeeze'] }) + BODY,
        `${request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] })}zz\r\n${BODY}\r\n0\r\n\r\n`,
      ];
      for (const bytes of malformed) {
        const client = await RawClient.open(port);
        client.send(bytes);
        const reply = await client.reply();
        assert.ok(reply === undefined || reply.status >= 400, `${bytes.slice(0, 80)}: ${reply?.status}`);
        client.close();
        assert.equal((await ask(port, request()))?.status, 200);
      }
    });

    it('refuses or closes heads that are too large', async () => {
      const { port } = await openSocket(name, new EchoFace());
      const client = await RawClient.open(port);
      const pieces = Array.from({ length: 20 }, (_, i) => `X-${i}: ${'v'.repeat(2000)}\r\n`);
      client.send('GET / HTTP/1.1\r\nHost: x\r\n');
      for (const piece of pieces) {
        client.send(piece);
        await later(2);
      }
      const reply = await client.reply();
      assert.ok(reply === undefined || reply.status === 431);
      await client.hungUp();
    });

    it('times out a body that does not come', async () => {
      const { port } = await openSocket(name, new EchoFace(), { request_timeout_ms: 300 });
      for (const sent of [BODY.length, 5]) {
        const client = await RawClient.open(port);
        client.send(request({ body: BODY }).slice(0, -sent));
        assert.equal((await client.reply())?.status, 408);
        await client.hungUp();
      }
    });

    it('refuses at once what is announced too large, and cuts off what does not end', async () => {
      const { port } = await openSocket(name, new EchoFace(), { max_body_bytes: 1000 });
      assert.equal((await ask(port, request({ method: 'POST', headers: ['Content-Length: 1001'] })))?.status, 413);
      const client = await RawClient.open(port);
      client.send(request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] }));
      while (!client.ended) {
        client.send(`64\r\n${'x'.repeat(100)}\r\n`);
        await later(1);
      }
      assert.equal((await ask(port, request()))?.status, 200);
    });

    it('keeps to the number of connections', async () => {
      const socket = await openSocket(name, new EchoFace(), { max_connections: 2 });
      const clients = [await RawClient.open(socket.port), await RawClient.open(socket.port)];
      for (const client of clients) {
        client.send(request());
        assert.equal((await client.reply())?.status, 200);
      }
      assert.equal(socket.open_connections, 2);
      assert.equal(await ask(socket.port, request()), undefined);
      for (const client of clients) client.close();
      while (socket.open_connections > 0) await later(2);
      assert.equal((await ask(socket.port, request()))?.status, 200);
    });

    it('stops accepting, finishes what is open, and says close', async () => {
      const face = new EchoFace();
      const socket = await openSocket(name, face);
      const { port } = socket;
      const client = await RawClient.open(port);
      client.send(request({ path: '/hold', body: BODY }));
      await face.someoneHeld();
      socket.stopAccepting();
      assert.equal(await ask(port, request()), undefined);
      face.release();
      const reply = await client.reply();
      assert.equal(reply?.body.toString(), 'released');
      assert.equal(reply.headers['connection'], 'close');
      await client.hungUp();
      while (socket.open_connections > 0) await later(2);
    });

    it('ends everything at once', async () => {
      const face = new EchoFace();
      const socket = await openSocket(name, face);
      const client = await RawClient.open(socket.port);
      client.send(request({ path: '/hold', body: BODY }));
      await face.someoneHeld();
      socket.destroy();
      await client.hungUp();
    });
  });
}
