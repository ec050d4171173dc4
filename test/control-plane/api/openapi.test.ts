import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Hono } from 'hono';
import { z } from 'zod';
import { described } from '../../../control-plane/api/described.js';
import { listRoutes, openApiOf } from '../../../control-plane/api/openapi.js';
import { appRig } from './app-rig.js';

const ParametersSchema = z.array(z.object({ name: z.string(), in: z.string(), description: z.string().optional() }));
const DocumentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string(), summary: z.string() }))),
});

test('every route of the control plane says what it is', (t) => {
  const routes = listRoutes(appRig(t).app);
  assert.ok(routes.length > 40, `${routes.length} routes`);
  const silent = routes.filter(({ description }) => description === undefined);
  assert.deepEqual(
    silent.map(({ method, path }) => `${method} ${path}`),
    [],
  );
});

test('the document is OpenAPI 3.1 by its meta-schema, and has every route once', async (t) => {
  const { app } = appRig(t);
  const answer = await app.request('/openapi.json');
  assert.equal(answer.status, 200);
  const document = DocumentSchema.parse(await answer.json());
  const validator = new Validator();
  const { valid, errors } = await validator.validate(document);
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
  const parts = Object.values(document.paths).flatMap((verbs) =>
    Object.values(verbs).flatMap(({ parameters }) => ParametersSchema.parse(parameters ?? [])),
  );
  const silent = parts.filter((part) => part.in === 'path' && part.description === undefined);
  assert.deepEqual(silent, [], 'each part of a path is described');
  const operations = Object.values(document.paths).flatMap((verbs) => Object.values(verbs));
  assert.equal(operations.length, listRoutes(app).length);
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
});

test('a parameter is described by the schema that reads it: type, bounds, default, whether it must be given', () => {
  const app = new Hono();
  const query = z.strictObject({
    feature: z.string(),
    rows: z.coerce.number().int().min(1).max(9).default(3).describe('most rows'),
  });
  app.get('/v1/models/:model/x', described({ summary: 'x', tag: 'X', query }), (context) => context.text(''));
  const document = JSON.parse(JSON.stringify(openApiOf(app, '1.0.0')));
  assert.deepEqual(document.paths['/v1/models/{model}/x'].get.parameters, [
    { name: 'model', in: 'path', required: true, description: 'name of a model', schema: { type: 'string' } },
    { name: 'feature', in: 'query', required: true, schema: { type: 'string' } },
    {
      name: 'rows',
      in: 'query',
      required: false,
      description: 'most rows',
      schema: { type: 'integer', minimum: 1, maximum: 9, default: 3 },
    },
  ]);
});

test('the page needs nothing from elsewhere, and nothing but its own script may run', async (t) => {
  const { app } = appRig(t);
  const answer = await app.request('/docs');
  const page = await answer.text();
  assert.doesNotMatch(page, /https?:\/\//);
  assert.match(page, /prefers-color-scheme: dark/);
  assert.doesNotMatch(page, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'; connect-src 'self'; script-src 'sha256-[^']+'; style-src 'sha256-/);
});
