import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { createFile } from '../../std/exclusive-file.js';
import { nodePermissions, sitePermissions } from '../permissions.js';
import type { BusUser } from './server-config.js';

const UserSchema = z.object({
  name: NameSchema,
  /** `control`: everything; `node`: what a node of this name in this environment needs; `site`: what the server of a site needs, for its nodes. */
  role: z.enum(['control', 'node', 'site']),
  environment: NameSchema,
  nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
});
type KnownUser = z.infer<typeof UserSchema>;
type Identity = Omit<KnownUser, 'nkey'>;

/**
 * Users of the server of this machine, a file for each: several may be made at once. What is secret is in files of their own, for the processes that they
 * are meant for; the server knows public keys.
 */
export async function busUsers(directory: string, environment: string): Promise<readonly BusUser[]> {
  await known(directory, { name: 'control', role: 'control', environment });
  const folder = usersFolder(directory);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const users = await Promise.all(names.map((name) => readUser(join(folder, name))));
  return users.map(({ nkey, role, name, environment: own }) => {
    if (role === 'control') return { nkey };
    return { nkey, permissions: role === 'node' ? nodePermissions(own, name) : sitePermissions(own) };
  });
}

/** The file with the seed of a node: made where there is none yet. A running server takes it after a reload. */
export async function nodeSeed(directory: string, environment: string, name: string): Promise<string> {
  return known(directory, { name, role: 'node', environment });
}

/** The same for the server of a site, which connects as a leaf. */
export async function siteSeed(directory: string, environment: string, name: string): Promise<string> {
  return known(directory, { name, role: 'site', environment });
}

export function controlSeed(directory: string): string {
  return seedFile(directory, { name: 'control', role: 'control', environment: '' });
}

function usersFolder(directory: string): string {
  return join(directory, 'users');
}

function seedFile(directory: string, identity: Identity): string {
  return join(directory, 'keys', `${idOf(identity)}.nk`);
}

function idOf({ name, role, environment }: Identity): string {
  return role === 'control' ? 'control' : `${role}.${environment}.${name}`;
}

/** The seed is written first: a user whose seed nobody has would be of no use. Whoever comes second finds both. */
async function known(directory: string, identity: Identity): Promise<string> {
  const seed = seedFile(directory, identity);
  await mkdir(join(directory, 'keys'), { recursive: true, mode: 0o700 });
  await mkdir(usersFolder(directory), { recursive: true, mode: 0o700 });
  createFile(seed, new TextDecoder().decode(nkeys.createUser().getSeed()));
  const pair = nkeys.fromSeed(new TextEncoder().encode((await readFile(seed, 'utf8')).trim()));
  const user: KnownUser = { ...identity, nkey: pair.getPublicKey() };
  createFile(join(usersFolder(directory), `${idOf(identity)}.json`), `${JSON.stringify(user, undefined, 2)}\n`);
  return seed;
}

async function readUser(path: string): Promise<KnownUser> {
  try {
    return UserSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `${path} cannot be read: ${String(cause)}`, { cause });
  }
}
