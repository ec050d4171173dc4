import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { listRoutes } from '../../../control-plane/api/openapi.js';
import { appRig } from './app-rig.js';

test('a change that does not say what it was made from is refused with 428 before anything is looked at', async (t) => {
  const { app, state } = appRig(t);
  const required = listRoutes(app).filter(({ description }) => description?.ifMatch === 'required');
  assert.ok(required.length >= 6);
  for (const { method, path } of required) {
    const url = `http://127.0.0.1${path.replace(/:\w+/g, 'x')}`;
    const init = { method, headers: { host: '127.0.0.1' } };
    const bare = await app.request(url, init);
    assert.equal(bare.status, 428, `${method} ${path}`);
    assert.match(await bare.text(), /PRECONDITION_REQUIRED.*If-Match: \*/);
    const said = await app.request(url, { ...init, headers: { ...init.headers, 'if-match': '*' }, body: '{}' });
    assert.notEqual(said.status, 428, `${method} ${path}`);
  }
  const entries = state.audit.page(Number.MAX_SAFE_INTEGER, 500);
  const statuses = z.array(z.looseObject({ status: z.number().optional() })).parse(entries);
  assert.equal(statuses.filter(({ status }) => status === 428).length, required.length, 'each refusal is written down');
});

test('what changes something and can be read has an ETag to say: no route with PUT or PATCH is left out', (t) => {
  const changing = listRoutes(appRig(t).app).filter(({ method }) => method === 'PUT' || method === 'PATCH');
  const free = changing.filter(({ description }) => description?.ifMatch !== 'required').map(({ path }) => path);
  // Bytes are named by their digest: whoever sends them sends the same. Rules of an environment have no revision to name yet.
  const known = ['/v1/artifacts/:digest', '/v1/environments/:environment'];
  assert.deepEqual(
    free.filter((path) => !known.includes(path)),
    [],
  );
});
