// Streams over WebSocket (tidegate.v1), for k6: every user opens one stream and keeps one message in flight.
//   k6 run -e URL=http://127.0.0.1:8080 -e MODEL=iris -e STREAMS=16 -e MESSAGES=200 websocket.js

import { WebSocket } from 'k6/experimental/websockets';
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';

const url = __ENV.URL || 'http://127.0.0.1:8080';
const model = __ENV.MODEL || 'small';
const messages = Number(__ENV.MESSAGES || 200);
const streams = Number(__ENV.STREAMS || 16);

const answered_ms = new Trend('stream_answer_ms', true);
const results = new Counter('stream_results');
const failed = new Rate('stream_failed');

export const options = {
  scenarios: { streams: { executor: 'per-vu-iterations', vus: streams, iterations: 1, maxDuration: '5m' } },
  thresholds: {
    stream_failed: ['rate<0.001'],
    stream_answer_ms: [`p(99)<${__ENV.P99_MS || 100}`],
    // Without this a server that answers nothing at all would pass.
    stream_results: [`count>=${streams * messages}`],
  },
};

export function setup() {
  const answer = http.get(`${url}/v2/models/${encodeURIComponent(model)}`);
  if (answer.status !== 200) throw new Error(`${url} has no model ${model}: status ${answer.status}`);
  const inputs = answer.json('inputs').map(({ name, datatype, shape }) => {
    const own = shape.map((dim) => (dim < 0 ? 1 : dim));
    const elements = own.reduce((product, dim) => product * dim, 1);
    const value = datatype === 'BYTES' ? 'text' : datatype === 'BOOL' ? true : 1;
    return { name, datatype, shape: own, data: new Array(elements).fill(value) };
  });
  return { message: JSON.stringify({ type: 'infer', stream: 1, inputs }) };
}

export default function ({ message }) {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v2/ws`, ['tidegate.v1']);
  let sent_ms = 0;
  let seen = 0;
  const send = () => {
    sent_ms = Date.now();
    socket.send(message);
  };
  socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'open', stream: 1, model })));
  socket.addEventListener('error', () => failed.add(true));
  socket.addEventListener('message', ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === 'result') {
      answered_ms.add(Date.now() - sent_ms);
      results.add(1);
      seen++;
    }
    if (frame.type === 'opened' || frame.type === 'result') {
      failed.add(false);
      if (seen < messages) send();
      else socket.close();
    } else if (frame.type === 'error') {
      failed.add(true);
      socket.close();
    }
  });
}
