import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { inflated } from '../harness/triton-judge.js';
import { uwsMissing } from '../harness/uws.js';
import { WireConnection } from '../harness/wire-connection.js';
import { clientModels } from './models.js';
import { ANSWER_HEADERS, CLIENTS, type ClientExchange, recordedExchanges } from './recorded-client.js';

const SECONDS = 10;

function lineOf({ head }: ClientExchange): string {
  return head.slice(0, head.indexOf(' HTTP/'));
}

/** What of a body does not depend on the clock, on which socket serves, or on which devices the machine has. */
function lasting(line: string, status: number, body: Buffer): unknown {
  if (line.includes('/infer') && status === 200) return body.toString('latin1');
  if (body.length === 0) return '';
  if (status !== 200) return 'error' in JSON.parse(body.toString('utf8')) ? 'an error' : 'no error';
  const volatile = /stats$/.test(line)
    ? /:\d+|,"device":"[^"]*"/g
    : /"(reason|server|socket)":"[^"]*"|,"parameters":\{"device":[^}]*\}/g;
  return line === 'GET /v2' ? 'metadata' : body.toString('utf8').replaceAll(volatile, '');
}

for (const socket of SOCKETS) {
  for (const client of CLIENTS) {
    const skip = socket === 'uws' && uwsMissing;
    test(`what ${client} sent once is answered by ${socket} as it was then`, { skip }, async (t) => {
      const { port } = await startRuntime(t, await clientModels(t), { socket });
      const connection = await WireConnection.open(port);
      t.after(() => connection.destroy());
      for (const exchange of recordedExchanges(client)) {
        const line = lineOf(exchange);
        connection.send(
          Buffer.concat([Buffer.from(exchange.head, 'latin1'), Buffer.from(exchange.body_base64, 'base64')]),
        );
        const received = await connection.receive(line.split(' ')[0], SECONDS);
        assert.equal(received.outcome, 'answered', line);
        if (received.outcome !== 'answered') return;
        const { answer } = received;
        const { status, headers, body_base64 } = exchange.answer;
        assert.equal(answer.status, status, `${line}: ${answer.body}`);
        if (status === 200) {
          for (const name of ANSWER_HEADERS) assert.equal(answer.headers.get(name), headers[name], `${line}: ${name}`);
        }
        const recorded = inflated({
          status,
          headers: new Map(Object.entries(headers)),
          body: Buffer.from(body_base64, 'base64'),
        });
        assert.deepEqual(lasting(line, status, inflated(answer)), lasting(line, status, recorded), line);
      }
    });
  }
}
