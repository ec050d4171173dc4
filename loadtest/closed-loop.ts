import { connect, type Socket } from 'node:net';
import { LatencyHistogram } from './latency-histogram.js';

export interface Load {
  readonly port: number;
  /** Everything that goes over the wire for one request, headers included. */
  readonly request: Buffer;
  readonly connections: number;
  readonly duration_ms: number;
  /** Stop after this many answers, whatever the time. */
  readonly max_requests?: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly requests_per_s: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = Buffer.from('content-length: ');
const OK = Buffer.from('HTTP/1.1 200');

/**
 * Keeps one request in flight on each of some loopback connections, over bare sockets. Closed loop: fit for comparing servers in
 * one run, not for latency at a given load.
 */
export async function runClosedLoop(load: Load): Promise<LoadResult> {
  const histogram = new LatencyHistogram();
  const tally = { failures: 0, done: false };
  const limit = load.max_requests ?? Number.POSITIVE_INFINITY;
  const begun = performance.now();
  const until = begun + load.duration_ms;
  const connections = Array.from({ length: load.connections }, () => client(load, histogram, tally, until, limit));
  await Promise.all(connections);
  const seconds = (performance.now() - begun) / 1000;
  return {
    requests: histogram.count,
    failures: tally.failures,
    requests_per_s: histogram.count / seconds,
    p50_us: histogram.percentile(0.5),
    p99_us: histogram.percentile(0.99),
  };
}

function client(
  load: Load,
  histogram: LatencyHistogram,
  tally: { failures: number },
  until: number,
  limit: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true });
    let sent = 0;
    let pending: Buffer | undefined;
    const send = () => {
      sent = performance.now();
      socket.write(load.request);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk) => {
      const bytes: Buffer = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      const end = answerEnd(bytes);
      if (end < 0 || bytes.length < end) {
        pending = bytes;
        return;
      }
      pending = undefined;
      const now = performance.now();
      histogram.record((now - sent) * 1000);
      if (bytes.compare(OK, 0, OK.length, 0, OK.length) !== 0) tally.failures++;
      if (now >= until || histogram.count >= limit) socket.destroy();
      else send();
    });
  });
}

/** Where the answer that begins at 0 ends; -1 when its head is not complete. */
function answerEnd(bytes: Buffer): number {
  const head = bytes.indexOf(HEAD_END);
  if (head < 0) return -1;
  const at = bytes.subarray(0, head).toString('latin1').toLowerCase().indexOf(LENGTH.toString('latin1'));
  if (at < 0) return head + HEAD_END.length;
  return head + HEAD_END.length + Number.parseInt(bytes.toString('latin1', at + LENGTH.length, head), 10);
}
