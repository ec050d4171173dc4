import { WebSocket } from 'ws';
import type { LoadResult } from './closed-loop.js';
import { LatencyHistogram } from './latency-histogram.js';

export interface StreamLoad {
  readonly port: number;
  readonly model: string;
  /** The inputs member of every message, as JSON. */
  readonly inputs: string;
  /** Connections, with one stream each. */
  readonly streams: number;
  /** Messages that each stream keeps in flight; at most the credits that the server gives. */
  readonly window: number;
  readonly duration_ms: number;
}

/** Keeps some messages in flight on each of some WebSocket streams (tidegate.v1), in ordered mode: answers come as they were sent. */
export async function runStreams(load: StreamLoad): Promise<LoadResult> {
  const histogram = new LatencyHistogram();
  const tally = { failures: 0 };
  const begun = performance.now();
  const until = begun + load.duration_ms;
  await Promise.all(Array.from({ length: load.streams }, () => stream(load, histogram, tally, until)));
  const seconds = (performance.now() - begun) / 1000;
  return {
    requests: histogram.count,
    failures: tally.failures,
    requests_per_s: histogram.count / seconds,
    p50_us: histogram.percentile(0.5),
    p99_us: histogram.percentile(0.99),
  };
}

function stream(
  load: StreamLoad,
  histogram: LatencyHistogram,
  tally: { failures: number },
  until: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${load.port}/v2/ws`, 'tidegate.v1', { perMessageDeflate: false });
    const message = `{"type":"infer","stream":1,"inputs":${load.inputs}}`;
    const sent_ms: number[] = [];
    const send = () => {
      sent_ms.push(performance.now());
      socket.send(message);
    };
    socket.on('open', () => socket.send(JSON.stringify({ type: 'open', stream: 1, model: load.model })));
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('message', (frame: Buffer) => {
      const head = frame.toString('latin1', 0, 20);
      if (head.startsWith('{"type":"opened"')) {
        for (let i = 0; i < load.window; i++) send();
        return;
      }
      const now_ms = performance.now();
      histogram.record((now_ms - (sent_ms.shift() ?? now_ms)) * 1000);
      if (!head.startsWith('{"type":"result"')) tally.failures++;
      if (now_ms >= until) socket.terminate();
      else send();
    });
  });
}
