import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { nodePermissions } from '../permissions.js';
import type { BusUser } from './server-config.js';

const USERS = 'users.json';
const UserSchema = z.object({
  name: NameSchema,
  /** `control`: everything; `node`: what a node of this name in this environment needs. */
  role: z.enum(['control', 'node']),
  environment: NameSchema,
  nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
});
type KnownUser = z.infer<typeof UserSchema>;

/** Users of the server of this machine. What is secret is in files of their own, for the processes that they are meant for; the server knows public keys. */
export async function busUsers(directory: string, environment: string): Promise<readonly BusUser[]> {
  const known = await readUsers(directory);
  if (!known.some(({ role }) => role === 'control')) {
    known.push(await newUser(directory, { name: 'control', role: 'control', environment }));
    await writeUsers(directory, known);
  }
  return known.map(({ nkey, role, name, environment: own }) =>
    role === 'control' ? { nkey } : { nkey, permissions: nodePermissions(own, name) },
  );
}

/** The file with the seed of a node: made where there is none yet. A running server takes it after a reload. */
export async function nodeSeed(directory: string, environment: string, name: string): Promise<string> {
  const known = await readUsers(directory);
  const isKnown = known.some((each) => each.role === 'node' && each.name === name && each.environment === environment);
  if (!isKnown) {
    known.push(await newUser(directory, { name, role: 'node', environment }));
    await writeUsers(directory, known);
  }
  return seedFile(directory, { name, role: 'node', environment });
}

export function controlSeed(directory: string): string {
  return seedFile(directory, { name: 'control', role: 'control', environment: '' });
}

function seedFile(directory: string, { name, role, environment }: Omit<KnownUser, 'nkey'>): string {
  return join(directory, 'keys', role === 'control' ? 'control.nk' : `node.${environment}.${name}.nk`);
}

async function newUser(directory: string, user: Omit<KnownUser, 'nkey'>): Promise<KnownUser> {
  const pair = nkeys.createUser();
  await mkdir(join(directory, 'keys'), { recursive: true, mode: 0o700 });
  await writeFile(seedFile(directory, user), pair.getSeed(), { mode: 0o600 });
  return { ...user, nkey: pair.getPublicKey() };
}

async function readUsers(directory: string): Promise<KnownUser[]> {
  const path = join(directory, USERS);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '[]';
    throw error;
  });
  try {
    return z.array(UserSchema).parse(JSON.parse(text));
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `${path} cannot be read: ${String(cause)}`, { cause });
  }
}

/** Whole at every moment: a server that reads half of its users would lock the others out. */
async function writeUsers(directory: string, users: readonly KnownUser[]): Promise<void> {
  const path = join(directory, USERS);
  await writeFile(`${path}.new`, `${JSON.stringify(users, undefined, 2)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
