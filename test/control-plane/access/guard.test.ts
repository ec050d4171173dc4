import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { mayAct, ROLES } from '../../../control-plane/access/role.js';
import { neededRole } from '../../../control-plane/api/described.js';
import { listRoutes } from '../../../control-plane/api/openapi.js';
import { appRig } from '../api/app-rig.js';

const REFUSED = [401, 403, 429];
const ProblemSchema = z.object({ code: z.string(), detail: z.string() });

test('every route lets in each role that may, and no other; nobody at all without a token', async (t) => {
  const { app, as } = appRig(t, { isOpen: false });
  const routes = listRoutes(app);
  assert.ok(routes.length > 40);
  const callers = await Promise.all(ROLES.map(async (role) => ({ role, headers: await as(role) })));
  for (const { method, path, description } of routes) {
    const needed = neededRole(description, method);
    const url = path.replace(/:\w+/g, 'x');
    for (const { role, headers } of callers) {
      const answer = await app.request(url, { method, headers: { ...headers, 'if-match': '*' } });
      await answer.body?.cancel();
      assert.equal(REFUSED.includes(answer.status), !mayAct(role, needed), `${role} at ${method} ${path}`);
    }
    const nobody = await app.request(url, { method });
    await nobody.body?.cancel();
    assert.equal(REFUSED.includes(nobody.status), needed !== 'anyone', `nobody at ${method} ${path}`);
  }
});

test('what changes something takes an operator at least, and who may is for admins alone', (t) => {
  const routes = listRoutes(appRig(t).app);
  const byViewers = routes.filter(({ method, description }) => {
    const needed = neededRole(description, method);
    return method !== 'GET' && (needed === 'anyone' || needed === 'viewer' || needed === 'node');
  });
  assert.deepEqual(byViewers, []);
  const secret = routes.filter(({ path }) => /^\/v1\/(tokens|audit)/.test(path));
  assert.ok(secret.length >= 5);
  for (const { method, path, description } of secret) assert.equal(neededRole(description, method), 'admin', path);
});

test('without a token a listener on loopback answers its own host alone, and no page of another origin', async (t) => {
  const { app } = appRig(t);
  const ask = async (headers: Readonly<Record<string, string>>) => {
    const answer = await app.request('http://x/v1/tokens', { headers });
    return { status: answer.status, text: await answer.text() };
  };
  for (const host of ['127.0.0.1:8090', 'localhost:8090', '[::1]:8090', 'LOCALHOST'])
    assert.equal((await ask({ host })).status, 200, host);
  assert.equal((await ask({ host: '127.0.0.1:8090', origin: 'http://127.0.0.1:8090' })).status, 200, 'its own page');
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { host: 'evil.example' },
    { host: '127.0.0.1.evil.example:8090' },
    { host: 'localhost:8090', origin: 'https://evil.example' },
    { host: 'localhost:8090', origin: 'http://localhost:3000' },
    { host: 'localhost:8090', origin: 'null' },
    {},
  ];
  for (const headers of foreign) {
    const { status, text } = await ask(headers);
    assert.equal(status, 403, JSON.stringify(headers));
    assert.equal(ProblemSchema.parse(JSON.parse(text)).code, 'FORBIDDEN');
  }
});

test('a change that cannot be written down is not made', async (t) => {
  const { app, state, as } = appRig(t);
  const headers = await as('admin');
  t.mock.method(state.audit, 'append', () => {
    throw new Error('no space left on device');
  });
  const body = JSON.stringify({ name: 'x', role: 'viewer' });
  const answer = await app.request('/v1/tokens', { method: 'POST', headers, body });
  assert.equal(answer.status, 503);
  assert.match(ProblemSchema.parse(await answer.json()).detail, /nothing was changed.*no space left/);
  assert.equal((await state.tokens.list()).length, 1);
  assert.equal((await app.request('/v1/tokens', { headers })).status, 200, 'reading goes on');
});
