import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TidegateError } from '../../contract/error.js';
import { type ServerMessage, ServerMessageSchema } from '../../contract/ws-message.js';
import { infer, rig } from './rig.js';

type Step =
  | { readonly do: 'send'; readonly stream: number }
  | { readonly do: 'send broken'; readonly stream: number }
  | { readonly do: 'answer' | 'fail' | 'cancel'; readonly pick: number }
  | { readonly do: 'stop reading' | 'read' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), stream: fc.integer({ min: 0, max: 2 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('send broken' as const), stream: fc.integer({ min: 0, max: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('answer' as const, 'fail' as const, 'cancel' as const),
      pick: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('stop reading' as const, 'read' as const) }) },
);

const CREDITS = 3;
/** Streams 0 and 1 are ordered, stream 2 answers as ready. */
const ORDERS = ['ordered', 'ordered', 'ready'] as const;

/** What a careful client knows of its streams. */
class Ledger {
  readonly credits = [CREDITS, CREDITS, CREDITS];
  readonly sent: string[][] = [[], [], []];
  readonly answered: string[][] = [[], [], []];
  /** Messages that had a credit when they were sent. */
  readonly covered = new Set<string>();
  over = 0;

  hear(message: ServerMessage): void {
    ServerMessageSchema.parse(message);
    if (message.type !== 'result' && message.type !== 'error' && message.type !== 'credit') return;
    const { stream } = message;
    assert.ok(stream !== undefined);
    this.credits[stream] += message.credits ?? 0;
    assert.ok(this.credits[stream] <= CREDITS, 'never more credits than the stream began with');
    if (message.type === 'credit') return;
    assert.ok(message.id !== undefined);
    if (message.type === 'error' && message.code === 'CREDIT_EXCEEDED') {
      assert.ok(!this.covered.has(message.id), `${message.id} had a credit and was refused`);
      this.over++;
      this.credits[stream]++;
      this.sent[stream].splice(this.sent[stream].indexOf(message.id), 1);
    } else this.answered[stream].push(message.id);
  }
}

let over = 0;

test('for any course of events: one answer for each message, in order where asked, and the credits of both sides agree', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const { client, inference, faults } = rig({ ws_credits: CREDITS, ws_buffered_bytes: 600 });
      const ledger = new Ledger();
      const listen = () => {
        for (const message of client.heard()) ledger.hear(message);
      };
      for (const [stream, order] of ORDERS.entries()) client.say({ type: 'open', stream, model: 'echo', order });
      listen();
      let ids = 0;
      const send = (stream: number, isBroken: boolean) => {
        const id = `m${ids++}`;
        const wasAllowed = ledger.credits[stream] > 0;
        const message = isBroken ? { ...infer(stream, id), inputs: [{ name: 'x' }] } : infer(stream, id);
        ledger.credits[stream]--;
        ledger.sent[stream].push(id);
        client.say(message);
        if (wasAllowed) ledger.covered.add(id);
      };
      for (const now of steps) {
        if (client.terminated) break;
        if (now.do === 'send' || now.do === 'send broken') send(now.stream, now.do === 'send broken');
        else if (now.do === 'stop reading') client.reading = false;
        else if (now.do === 'read') client.read();
        else if ('pick' in now && inference.held.length > 0) {
          const held = inference.held[now.pick % inference.held.length];
          if (now.do === 'answer') inference.answer(held);
          else if (now.do === 'fail') inference.fail(held, new TidegateError('WORKER_LOST', 'the worker died'));
          else cancelBy(client, ledger, held.request.id);
        }
        listen();
      }
      if (client.terminated) return;
      inference.answerAll();
      client.read();
      listen();
      assert.deepEqual(ledger.answered[0], ledger.sent[0]);
      assert.deepEqual(ledger.answered[1], ledger.sent[1]);
      assert.deepEqual([...ledger.answered[2]].sort(), [...ledger.sent[2]].sort());
      assert.deepEqual(ledger.credits, [CREDITS, CREDITS, CREDITS]);
      assert.deepEqual(faults, []);
      over += ledger.over;
    }),
    { numRuns: 300 },
  );
  assert.ok(over > 100, 'messages beyond the credits were tried');
});

function cancelBy(client: { say(message: unknown): void }, ledger: Ledger, id: string): void {
  const stream = ledger.sent.findIndex((ids) => ids.includes(id));
  client.say({ type: 'cancel', stream, id });
}
