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
      else if (kind === 'AlertRoute') routes.push(withSecret(read(AlertRouteFileSchema, value, name), name));
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

const FROM_ENVIRONMENT = /^env:(\w+)$/;

/** A secret does not belong into a file that is kept with others. */
function withSecret(route: AlertRoute, file: string): AlertRoute {
  const { webhook } = route.spec;
  const name = FROM_ENVIRONMENT.exec(webhook.secret ?? '')?.[1];
  if (name === undefined) return route;
  const secret = process.env[name] ?? '';
  if (secret.length < 16)
    throw wrong(
      file,
      `the secret of route '${route.metadata.name}' is the variable ${name}, which has fewer than 16 characters`,
    );
  return { ...route, spec: { ...route.spec, webhook: { ...webhook, secret } } };
}

function wrong(file: string, why: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', `${file}: ${why}`);
}
