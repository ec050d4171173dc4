import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import type { Artifacts } from '../../bus/artifacts.js';
import { objectName } from '../../contract/artifact.js';
import { DigestSchema, NameSchema } from '../../contract/desired-state.js';
import { EnvironmentSchema } from '../../contract/environment.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelRecord } from '../../contract/registry-record.js';
import { described as describes } from '../api/described.js';
import { revisionSeen } from '../if-match.js';
import { bodyObject, parsed } from '../query.js';
import { admitVersion, NewVersionSchema } from './admission.js';
import { contentRoutes } from './content-routes.js';
import type { Environments } from './environments.js';
import { passGate } from './gate.js';
import { described, promoted, versionNamed, withAlias, withoutAlias } from './model-record.js';
import type { Registry, StoredModel } from './registry.js';
import type { Validator } from './validator.js';

export interface RegistryServices {
  readonly registry: Registry;
  readonly environments: Environments;
  readonly artifacts: Artifacts;
  readonly validator: Validator;
  readonly now_ms: () => number;
  /** Who asks, for the record. */
  readonly author: (context: Context) => string;
}

const AliasSchema = z.strictObject({ version: z.union([z.int().positive(), z.string().min(1)]) });
const PromotionSchema = z.strictObject({ environment: NameSchema });
const DescriptionSchema = z.strictObject({
  description: z.string().max(10_000).optional(),
  labels: z.record(z.string().min(1).max(63), z.string().max(255)).optional(),
});
const PageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  before: z.coerce.number().int().positive().optional().describe('versions below this one'),
});

const ROUTES = {
  listModels: describes({ summary: 'List models', tag: 'Registry' }),
  showModel: describes({ summary: 'Show a model', tag: 'Registry' }),
  describeModel: describes({
    summary: 'Describe a model',
    tag: 'Registry',
    body: DescriptionSchema,
    ifMatch: 'required',
  }),
  listVersions: describes({
    summary: 'List the versions of a model, newest first',
    tag: 'Registry',
    query: PageSchema,
  }),
  showVersion: describes({ summary: 'Show a version', tag: 'Registry' }),
  makeVersion: describes({
    summary: 'Make a version of artefacts that are there',
    tag: 'Registry',
    body: NewVersionSchema,
    creates: true,
    answers: {
      200: { description: 'The same content is a version already' },
      201: { description: 'The new version' },
    },
  }),
  listEnvironments: describes({ summary: 'List what environments ask of versions', tag: 'Registry' }),
  setEnvironment: describes({
    summary: 'Say what an environment asks of versions',
    tag: 'Registry',
    body: EnvironmentSchema,
    ifMatch: 'asked',
  }),
  promote: describes({
    summary: 'Let a version into an environment',
    tag: 'Registry',
    body: PromotionSchema,
  }),
  setAlias: describes({
    summary: 'Point an alias to a version',
    tag: 'Registry',
    body: AliasSchema,
    ifMatch: 'required',
  }),
  removeAlias: describes({ summary: 'Remove an alias', tag: 'Registry', ifMatch: 'required' }),
  fetchBytes: describes({
    summary: 'Fetch the bytes of a digest',
    tag: 'Registry',
    answers: { 200: { description: 'The bytes', types: ['application/octet-stream'] } },
  }),
  sendBytes: describes({
    summary: 'Send the bytes of a digest',
    tag: 'Registry',
    bodyTypes: ['application/octet-stream'],
    answers: { 201: { description: 'They are there' } },
  }),
};

/** Models, versions and aliases: docs/registry.md. `open`: throws where NATS is not there. */
export function registryRoutes(open: () => RegistryServices): Hono {
  const app = new Hono();
  app.route('/artifacts', artifactRoutes(open));
  app.get('/models', ROUTES.listModels, async (context) => {
    const models = await open().registry.models();
    return context.json({ models: models.map(({ record, revision }) => ({ ...shown(record), revision })) });
  });
  app.get('/models/:model', ROUTES.showModel, async (context) =>
    answer(context, await open().registry.get(modelOf(context))),
  );
  app.patch('/models/:model', ROUTES.describeModel, async (context) => {
    const change = parsed(DescriptionSchema, bodyObject(await context.req.text()));
    const over = revisionSeen(context);
    const changed = await open().registry.change(modelOf(context), (record) => [described(record, change), undefined], {
      over,
    });
    return answer(context, changed);
  });
  app.route('/', contentRoutes(open));
  addVersions(app, open);
  addAliases(app, open);
  addEnvironments(app, open);
  return app;
}

function addVersions(app: Hono, open: () => RegistryServices): void {
  app.get('/models/:model/versions', ROUTES.listVersions, async (context) => {
    const { limit, before } = parsed(PageSchema, context.req.query());
    const { record } = await open().registry.get(modelOf(context));
    const newest = record.versions.toReversed().filter(({ version }) => before === undefined || version < before);
    const page = newest.slice(0, limit);
    const next = newest.length > limit ? page.at(-1)?.version : undefined;
    return context.json({ model: record.model, versions: page, aliases: record.aliases, next_before: next ?? null });
  });
  app.get('/models/:model/versions/:version', ROUTES.showVersion, async (context) => {
    const { record } = await open().registry.get(modelOf(context));
    return context.json(versionNamed(record, context.req.param('version')));
  });
  app.post('/models/:model/versions', ROUTES.makeVersion, async (context) => {
    const services = open();
    const given = parsed(NewVersionSchema, bodyObject(await context.req.text()));
    const { version, known, change } = await admitVersion(
      services,
      modelOf(context),
      given,
      authorOf(services, context),
    );
    return context.json({ ...version, known, change: change ?? null }, known ? 200 : 201);
  });
  app.post('/models/:model/versions/:version/promote', ROUTES.promote, async (context) => {
    const services = open();
    const { environment } = parsed(PromotionSchema, bodyObject(await context.req.text()));
    const author = authorOf(services, context);
    const policy = await services.environments.find(environment);
    const changed = await services.registry.change(modelOf(context), (record) => {
      const version = versionNamed(record, context.req.param('version'));
      if (policy !== undefined) passGate(environment, policy, record, version);
      return [promoted(record, version.version, environment, author), undefined];
    });
    return answer(context, changed);
  });
}

function addEnvironments(app: Hono, open: () => RegistryServices): void {
  app.get('/environments', ROUTES.listEnvironments, async (context) =>
    context.json({ environments: await open().environments.all() }),
  );
  app.put('/environments/:environment', ROUTES.setEnvironment, async (context) => {
    const environment = named('environment', context.req.param('environment'));
    const wanted = parsed(EnvironmentSchema, bodyObject(await context.req.text()));
    await open().environments.set(environment, wanted);
    return context.json({ environment, ...wanted });
  });
}

function addAliases(app: Hono, open: () => RegistryServices): void {
  app.put('/models/:model/aliases/:alias', ROUTES.setAlias, async (context) => {
    const { version } = parsed(AliasSchema, bodyObject(await context.req.text()));
    const alias = aliasOf(context);
    const changed = await open().registry.change(
      modelOf(context),
      (record) => [withAlias(record, alias, versionNamed(record, String(version)).version), undefined],
      { over: revisionSeen(context) },
    );
    return answer(context, changed);
  });
  app.delete('/models/:model/aliases/:alias', ROUTES.removeAlias, async (context) => {
    const alias = aliasOf(context);
    const over = revisionSeen(context);
    return answer(
      context,
      await open().registry.change(modelOf(context), (record) => [withoutAlias(record, alias), undefined], { over }),
    );
  });
}

/** Bytes by their digest: what a client asks for before it sends, and what it sends. */
function artifactRoutes(open: () => RegistryServices): Hono {
  const app = new Hono();
  // Hono answers HEAD from here, without the body.
  app.get('/:digest', ROUTES.fetchBytes, async (context) => {
    const digest = digestIn(context);
    const { artifacts } = open();
    const size = await artifacts.size(objectName(digest));
    if (size === undefined) throw new TidegateError('NOT_FOUND', `the registry has no bytes of ${digest}`);
    context.header('content-length', String(size));
    context.header('content-type', 'application/octet-stream');
    if (context.req.method === 'HEAD') return context.body(null);
    return stream(context, async (answer) => {
      for await (const chunk of artifacts.get(objectName(digest))) await answer.write(chunk);
    });
  });
  app.put('/:digest', ROUTES.sendBytes, async (context) => {
    const digest = digestIn(context);
    const { body } = context.req.raw;
    await open().artifacts.put(objectName(digest), body ?? nothing());
    return context.json({ digest }, 201);
  });
  return app;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function shown({ model, description, labels, created_at, versions, aliases }: ModelRecord) {
  return {
    model,
    description,
    labels,
    created_at,
    aliases,
    versions: versions.length,
    latest: versions.at(-1)?.version ?? null,
  };
}

function answer(context: Context, { record, revision }: StoredModel): Response {
  context.header('etag', `"${revision}"`);
  return context.json({ ...shown(record), revision });
}

function authorOf({ author, now_ms }: RegistryServices, context: Context) {
  return { by: author(context), at: new Date(now_ms()).toISOString() };
}

function modelOf(context: Context): string {
  return named('model', context.req.param('model') ?? '');
}

function aliasOf(context: Context): string {
  const alias = named('alias', context.req.param('alias') ?? '');
  if (!/^\d+$/.test(alias)) return alias;
  throw new TidegateError('INVALID_PARAMETER', `'${alias}' is no alias: a number is a version`);
}

function named(what: string, text: string): string {
  const result = NameSchema.safeParse(text);
  if (result.success) return result.data;
  throw new TidegateError('INVALID_PARAMETER', `'${text}' is no name of a ${what}: ${result.error.issues[0].message}`);
}

function digestIn(context: Context): string {
  const text = context.req.param('digest') ?? '';
  const result = DigestSchema.safeParse(text);
  if (result.success) return result.data;
  throw new TidegateError('INVALID_PARAMETER', `'${text}' is no digest: ${result.error.issues[0].message}`);
}
