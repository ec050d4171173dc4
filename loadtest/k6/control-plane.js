// The control plane's API, for k6: what a dashboard and a health check ask again and again.
//   k6 run -e URL=http://127.0.0.1:8090 -e MODEL=flights -e RATE=20 control-plane.js
import { check, sleep } from 'k6';
import http from 'k6/http';

const url = __ENV.URL || 'http://127.0.0.1:8090';
const model = encodeURIComponent(__ENV.MODEL || 'small');
const rate = Number(__ENV.RATE || 20);

export const options = {
  scenarios: {
    api: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '20s',
      preAllocatedVUs: 10,
      maxVUs: 100,
    },
  },
  thresholds: {
    'checks{scenario:api}': ['rate>0.999'],
    'http_req_duration{name:live}': [`p(99)<${__ENV.P99_MS || 100}`],
    'http_req_duration{name:predictions}': [`p(95)<${__ENV.QUERY_P95_MS || 1000}`],
  },
};

const READY_TRIES = 150;

/** A control plane that has just begun answers 503 until its tables are there: that is no part of the load. */
export function setup() {
  for (let tried = 0; tried < READY_TRIES; tried++) {
    if (http.get(`${url}/v1/health/ready`).status === 200) return;
    sleep(0.2);
  }
  throw new Error(`${url} was not ready within ${READY_TRIES * 0.2} s`);
}

export default function () {
  const live = http.get(`${url}/v1/health/live`, { tags: { name: 'live' } });
  check(live, { 'it lives': ({ status }) => status === 200 });
  const rows = http.get(`${url}/v1/models/${model}/predictions?limit=10`, { tags: { name: 'predictions' } });
  check(rows, { 'predictions are answered': ({ status }) => status === 200 });
}
