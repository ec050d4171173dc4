import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { type AlertRoute, AlertRouteFileSchema, type Monitor, MonitorFileSchema } from '../../contract/monitor.js';
import { nearestName } from '../../std/nearest-name.js';

export interface Watch {
  readonly monitors: readonly Monitor[];
  readonly routes: readonly AlertRoute[];
}

const KindSchema = z.object({ kind: z.string() });
const KINDS = ['Monitor', 'AlertRoute'];
const FROM_ENVIRONMENT = /^env:(\w+)$/;
const LEAST_SECRET = 16;

/** Monitors and routes of a folder's YAML and JSON files. Throws INVALID_CONFIG that names the file, the member and its value; then none of them is taken. */
export async function readWatch(directory: string): Promise<Watch> {
  const monitors: Monitor[] = [];
  const routes: AlertRoute[] = [];
  for (const name of (await filesOf(directory)).sort()) {
    for (const document of parseAllDocuments(await readFile(join(directory, name), 'utf8'))) {
      const [broken] = document.errors;
      if (broken !== undefined) throw wrong(name, broken.message);
      const value: unknown = document.toJS();
      if (value === null) continue;
      const kind = KindSchema.safeParse(value).data?.kind ?? '';
      if (kind === 'Monitor') monitors.push(read(MonitorFileSchema, value, name));
      else if (kind === 'AlertRoute') routes.push(withSecrets(read(AlertRouteFileSchema, value, name), name));
      else throw wrong(name, `'kind' is '${kind}': ${nearestName(kind, KINDS) ?? KINDS.join(' or ')} is known here`);
    }
  }
  refuseTwins('Monitor', monitors);
  refuseTwins('AlertRoute', routes);
  return { monitors, routes };
}

async function filesOf(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => /\.(ya?ml|json)$/.test(name));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `the folder of monitors cannot be read: ${reason}`, { cause });
  }
}

function read<S extends z.ZodObject>(schema: S, value: unknown, file: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    throw wrong(file, `'${[...issue.path, key].join('.')}' is no member of it`);
  }
  throw wrong(file, `'${issue.path.join('.')}': ${issue.message}`);
}

function refuseTwins(kind: string, all: readonly { readonly metadata: { readonly name: string } }[]): void {
  const seen = new Set<string>();
  for (const { metadata } of all) {
    if (seen.has(metadata.name))
      throw wrong('the folder', `there are two of kind ${kind} with the name '${metadata.name}'`);
    seen.add(metadata.name);
  }
}

/** Secrets do not belong into a file that is kept with others. */
function withSecrets(route: AlertRoute, file: string): AlertRoute {
  const { webhook, email } = route.spec;
  const named = `of route '${route.metadata.name}'`;
  if (webhook !== undefined) {
    const secret = resolved(webhook.secret, `the secret ${named}`, file);
    if (secret !== undefined && secret.length < LEAST_SECRET) {
      throw wrong(file, `the secret ${named} has fewer than ${LEAST_SECRET} characters`);
    }
    return { ...route, spec: { ...route.spec, webhook: { ...webhook, secret } } };
  }
  if (email === undefined) return route;
  const password = resolved(email.smtp.password, `the password ${named}`, file);
  return { ...route, spec: { ...route.spec, email: { ...email, smtp: { ...email.smtp, password } } } };
}

function resolved(given: string | undefined, what: string, file: string): string | undefined {
  const name = FROM_ENVIRONMENT.exec(given ?? '')?.[1];
  if (name === undefined) return given;
  const value = process.env[name] ?? '';
  if (value === '') throw wrong(file, `${what} is the variable ${name}, which is not set`);
  return value;
}

function wrong(file: string, why: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', `${file}: ${why}`);
}
