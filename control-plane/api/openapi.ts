import type { Hono } from 'hono';
import { z } from 'zod';
import { ERROR_KINDS } from '../../contract/error.js';
import { type AnswerDescription, descriptionOf, neededRole, type RouteDescription } from './described.js';

type Json = Readonly<Record<string, unknown>>;

/** One route of the app, and what it says of itself. */
export interface ListedRoute {
  readonly method: string;
  /** As Hono has it: `/v1/models/:model`. */
  readonly path: string;
  readonly description: RouteDescription | undefined;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'PATCH', 'DELETE']);

/** Every route, with its description where it has one; what stands before all routes is none. */
export function listRoutes(app: Hono): readonly ListedRoute[] {
  const routes = new Map<string, ListedRoute>();
  for (const { method, path, handler } of app.routes) {
    if (!METHODS.has(method)) continue;
    const key = `${method} ${path}`;
    const description = descriptionOf(handler) ?? routes.get(key)?.description;
    routes.set(key, { method, path, description });
  }
  return [...routes.values()];
}

/** What the parts of a path are. */
const PATH_PARTS: Readonly<Record<string, string>> = {
  model: 'name of a model',
  version: 'number of a version',
  alias: 'name of an alias',
  digest: 'sha256:…',
  environment: 'name of an environment',
  node: 'name of a node',
  name: 'name of a monitor',
  id: 'id, as the list tells it',
};

/** The API as OpenAPI 3.1 has it. Made from the descriptions of the routes, whose schemas are the ones that validate. */
export function openApiOf(app: Hono, version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  const tags = new Set<string>();
  for (const { method, path, description } of listRoutes(app)) {
    if (description === undefined) continue;
    tags.add(description.tag);
    const written = path.replace(/:(\w+)/g, '{$1}');
    paths[written] = { ...paths[written], [method.toLowerCase()]: operationOf(method, path, description) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tidegate control plane',
      version,
      summary: 'Models, the fleet that serves them, and what became of their predictions.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...tags].sort().map((name) => ({ name })),
    paths,
    components: { securitySchemes: { token: TOKEN }, schemas: { Problem: PROBLEM } },
  };
}

const TOKEN: Json = { type: 'http', scheme: 'bearer', bearerFormat: 'tg_<id>_<secret>' };
const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'what was wrong, with what value, and what to do' },
    code: { type: 'string', enum: Object.keys(ERROR_KINDS) },
  },
};

function operationOf(method: string, path: string, description: RouteDescription): Json {
  const { summary, tag, long, bodyTypes } = description;
  const role = neededRole(description, method);
  const parameters = [...pathParameters(path), ...queryParameters(description), ...headerParameters(description)];
  const hasBody = description.body !== undefined || bodyTypes !== undefined;
  return {
    operationId: operationId(method, path),
    summary,
    tags: [tag],
    ...(role === 'anyone' ? { security: [] } : { security: [{ token: [] }], 'x-tidegate-role': role }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody ? { requestBody: { required: true, content: contentOf(description) } } : {}),
    responses: {
      ...answersOf(description),
      ...(long === true ? { 202: jsonAnswer({ description: 'It goes on as an operation: see Location' }) } : {}),
      default: {
        description: 'A problem',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

/** `GET /v1/models/:model/drift` is `getModelsModelDrift`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[/:.]+/).filter((part) => part !== '' && part !== 'v1');
  return method.toLowerCase() + words.map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => {
    const description = PATH_PARTS[name];
    const told = description === undefined ? {} : { description };
    return { name, in: 'path', required: true, ...told, schema: { type: 'string' } };
  });
}

function queryParameters({ query }: RouteDescription): Json[] {
  if (query === undefined) return [];
  return Object.entries(query.shape).map(([name, field]) => {
    if (!(field instanceof z.ZodType)) throw new Error(`the parameter ${name} has no schema`);
    const { description, ...schema } = schemaOf(field);
    // What is left out is undefined: a parameter that takes that need not be given.
    const required = !field.safeParse(undefined).success;
    return { name, in: 'query', required, ...(description === undefined ? {} : { description }), schema };
  });
}

function headerParameters({ headers = [], creates, ifMatch, long }: RouteDescription): Json[] {
  const all = [
    ...headers,
    ...(creates === true
      ? [{ name: 'idempotency-key', description: 'the same request with the same key is done once' }]
      : []),
    ...(ifMatch === undefined
      ? []
      : [{ name: 'if-match', description: 'the ETag of what was seen', isRequired: ifMatch === 'required' }]),
    ...(long === true ? [{ name: 'prefer', description: 'respond-async: answer at once with an operation' }] : []),
  ];
  return all.map(({ name, description, isRequired = false }) => ({
    name,
    in: 'header',
    required: isRequired,
    description,
    schema: { type: 'string' },
  }));
}

function contentOf({ body, bodyTypes = [] }: RouteDescription): Json {
  const files = bodyTypes.map((type) => [type, {}] as const);
  const json = body === undefined ? [] : [['application/json', { schema: schemaOf(body) }] as const];
  return Object.fromEntries([...files, ...json]);
}

function answersOf({ answers = { 200: { description: 'Done' } } }: RouteDescription): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      status === '204' ? { description: answer.description } : jsonAnswer(answer),
    ]),
  );
}

function jsonAnswer({ description, body, types }: AnswerDescription): Json {
  if (types !== undefined) return { description, content: Object.fromEntries(types.map((type) => [type, {}])) };
  return { description, content: { 'application/json': body === undefined ? {} : { schema: schemaOf(body) } } };
}

/** The schema as JSON Schema 2020-12, the dialect of OpenAPI 3.1; of what comes in, before it is turned into anything. */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
