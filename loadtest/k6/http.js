// Inference over HTTP at a constant rate, for k6: run by `npm run load:k6 -- http`, or by k6 alone against your own cluster.
//   k6 run -e URL=http://127.0.0.1:8080 -e MODEL=iris -e RATE=500 -e DURATION=30s -e P99_MS=50 http.js
import { check } from 'k6';
import http from 'k6/http';

const url = __ENV.URL || 'http://127.0.0.1:8080';
const model = encodeURIComponent(__ENV.MODEL || 'small');
const rate = Number(__ENV.RATE || 200);

export const options = {
  // An open loop: k6 starts as many as it should, whatever the server does, and counts those it could not start.
  scenarios: {
    inference: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '20s',
      preAllocatedVUs: Math.max(10, Math.ceil(rate / 10)),
      maxVUs: Math.max(50, rate),
    },
  },
  thresholds: {
    'http_req_failed{scenario:inference}': ['rate<0.001'],
    'http_req_duration{scenario:inference}': [`p(99)<${__ENV.P99_MS || 100}`],
    'checks{scenario:inference}': ['rate>0.999'],
    dropped_iterations: [`count<${Math.max(1, rate / 10)}`],
  },
};

/** One row that the model takes, made from what the server says of it. */
export function setup() {
  const answer = http.get(`${url}/v2/models/${model}`);
  if (answer.status !== 200) throw new Error(`${url} has no model ${model}: status ${answer.status}`);
  const inputs = answer.json('inputs').map(({ name, datatype, shape }) => {
    const own = shape.map((dim) => (dim < 0 ? 1 : dim));
    const elements = own.reduce((product, dim) => product * dim, 1);
    const value = datatype === 'BYTES' ? 'text' : datatype === 'BOOL' ? true : 1;
    return { name, datatype, shape: own, data: new Array(elements).fill(value) };
  });
  return { body: JSON.stringify({ inputs }) };
}

export default function ({ body }) {
  const answer = http.post(`${url}/v2/models/${model}/infer`, body, {
    headers: { 'content-type': 'application/json' },
    tags: { name: 'infer' },
  });
  check(answer, {
    'status is 200': ({ status }) => status === 200,
    'it has outputs': (response) => response.status === 200 && response.json('outputs').length > 0,
  });
}
