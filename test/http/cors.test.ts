import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TRITON_MODELS } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

const PAGE = 'https://app.example';

describe('pages of other origins', () => {
  it('may read answers only where their origin is configured', async (t) => {
    const { url } = await startRuntime(t, TRITON_MODELS, { cors_origins: `${PAGE}, https://other.example` });
    const allowed = await fetch(`${url}/v2`, { headers: { origin: PAGE } });
    assert.equal(allowed.headers.get('access-control-allow-origin'), PAGE);
    assert.match(allowed.headers.get('access-control-expose-headers') ?? '', /inference-header-content-length/);
    const error = await fetch(`${url}/v2/models/nothing`, { headers: { origin: PAGE } });
    assert.equal(error.status, 404);
    assert.equal(error.headers.get('access-control-allow-origin'), PAGE);
    const stranger = await fetch(`${url}/v2`, { headers: { origin: 'https://evil.example' } });
    assert.equal(stranger.headers.get('access-control-allow-origin'), null);
  });

  it('get their preflight answered, and nobody else does', async (t) => {
    const { url } = await startRuntime(t, TRITON_MODELS, { cors_origins: '*' });
    const preflight = {
      origin: PAGE,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type, inference-header-content-length',
    };
    const path = `${url}/v2/models/classify/infer`;
    const answer = await fetch(path, { method: 'OPTIONS', headers: preflight });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('access-control-allow-headers'), preflight['access-control-request-headers']);
    assert.equal((await fetch(path, { method: 'OPTIONS' })).status, 405);
  });

  it('are met with silence about it where none is configured', async (t) => {
    const { url } = await startRuntime(t, TRITON_MODELS);
    const answer = await fetch(`${url}/v2`, { headers: { origin: PAGE } });
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
    assert.equal(answer.headers.get('vary'), null);
  });
});
