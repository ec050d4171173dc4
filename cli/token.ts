import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { NameSchema } from '../contract/desired-state.js';
import { LOCAL_CALLER, ROLES, type Role, RoleSchema } from '../control-plane/access/role.js';
import { makeToken } from '../control-plane/access/token.js';
import { expiry, MadeTokenSchema, ShownTokenSchema, TokensSchema } from '../control-plane/access/token-message.js';
import { openStateFolder, type StateFolder } from '../control-plane/state-folder.js';
import { parseQuantity } from '../std/quantity.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { table } from './table.js';

type Shown = z.infer<typeof ShownTokenSchema>;

interface TokenOptions extends ControlOptions {
  readonly dataDir?: string;
}

interface CreateOptions extends TokenOptions {
  readonly name: string;
  readonly role: string;
  readonly environment?: readonly string[];
  readonly expires?: string;
}

const DATA_DIR = 'the folder of a control plane that does not run: for the first token of a server';

/** `tidegate token create|list|revoke`: who may. */
export function addToken(program: Command): void {
  const token = program.command('token').description('tokens that the control plane lets in');
  withControl(token.command('create'))
    .description('make a token, and print it this once')
    .requiredOption('--name <name>', 'who or what uses it')
    .addOption(new Option('--role <role>', 'what it may').choices(ROLES).makeOptionMandatory())
    .option('--environment <name...>', 'environments that it is for; default: all')
    .option('--expires <span>', 'how long it holds, like 12h or 30d; default: for ever')
    .option('--data-dir <dir>', DATA_DIR)
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate token create --name ada --role admin --data-dir .tidegate\n  TIDEGATE_TOKEN=tg_… tidegate token create --name ci --role operator --environment staging --expires 30d',
    )
    .action(create);
  withControl(token.command('list'))
    .description('every token: its role, until when it holds, when it was used last')
    .option('--data-dir <dir>', DATA_DIR)
    .addHelpText('after', '\nExample:\n  tidegate token list')
    .action(list);
  withControl(token.command('revoke').argument('<id>', 'the part of the token behind tg_'))
    .description('let a token open nothing any more')
    .option('--data-dir <dir>', DATA_DIR)
    .addHelpText('after', '\nExample:\n  tidegate token revoke 0123456789ab')
    .action(revoke);
}

async function create(options: CreateOptions): Promise<void> {
  const { controlUrl, name, environment = [], expires, dataDir, json } = options;
  const role = RoleSchema.parse(options.role);
  const environments = environment.map(environmentNamed);
  const expires_in_s = expires === undefined ? undefined : spanOf(expires);
  const body = { name, role, environments, ...(expires_in_s === undefined ? {} : { expires_in_s }) };
  const made =
    dataDir === undefined
      ? await control(controlUrl, { method: 'POST', path: '/v1/tokens', body, schema: MadeTokenSchema })
      : await locally(dataDir, (state) => createLocally(state, { name, role, environments, expires_in_s }));
  print(made, json, ({ id, token }) => `${token}\n\nThis is shown once. Its id is ${id}; give it as TIDEGATE_TOKEN.`);
}

interface Wanted {
  readonly name: string;
  readonly role: Role;
  readonly environments: string[];
  readonly expires_in_s: number | undefined;
}

async function createLocally({ tokens, audit }: StateFolder, { expires_in_s, ...wanted }: Wanted) {
  const now_ms = Date.now();
  const { record, text } = makeToken({
    ...wanted,
    created_by: 'local',
    expires_ms: expiry(expires_in_s, now_ms),
    now_ms,
  });
  const { hash: _hash, ...shown } = record;
  noted(audit, `make the token ${record.id} of '${record.name}', role ${record.role}`);
  await tokens.add(record);
  return { ...shown, last_used_at: null, token: text };
}

async function list({ controlUrl, dataDir, json }: TokenOptions): Promise<void> {
  const answer =
    dataDir === undefined
      ? await control(controlUrl, { path: '/v1/tokens', schema: TokensSchema })
      : await locally(dataDir, async ({ tokens }) => TokensSchema.parse({ items: await tokens.list() }));
  print(answer, json, ({ items }) => table(HEADER, items.map(rowOf)));
}

const HEADER = ['ID', 'NAME', 'ROLE', 'ENVIRONMENTS', 'STATE', 'LAST USED'];

function rowOf({ id, name, role, environments, last_used_at, ...token }: Shown): string[] {
  const where = environments.length === 0 ? 'all' : environments.join(',');
  return [id, name, role, where, standing(token), last_used_at ?? 'never'];
}

function standing({ revoked_at, expires_at }: Pick<Shown, 'revoked_at' | 'expires_at'>): string {
  if (revoked_at !== null) return `revoked ${revoked_at}`;
  if (expires_at === null) return 'holds';
  return Date.parse(expires_at) <= Date.now() ? `expired ${expires_at}` : `holds until ${expires_at}`;
}

async function revoke(id: string, { controlUrl, dataDir, json }: TokenOptions): Promise<void> {
  const path = `/v1/tokens/${encodeURIComponent(id)}`;
  const revoked =
    dataDir === undefined
      ? await control(controlUrl, { method: 'DELETE', path, schema: ShownTokenSchema })
      : await locally(dataDir, async ({ tokens, audit }) => {
          noted(audit, `revoke the token ${id}`);
          return ShownTokenSchema.parse({ ...(await tokens.revoke(id, 'local', Date.now())), last_used_at: null });
        });
  print(revoked, json, ({ name, revoked_at }) => `the token ${id} ('${name}') opens nothing since ${revoked_at}`);
}

/** Works on the folder of a control plane that does not run. Throws INVALID_CONFIG where it does. */
async function locally<T>(data_dir: string, work: (state: StateFolder) => Promise<T>): Promise<T> {
  const state = openStateFolder(data_dir, Date.now);
  try {
    return await work(state);
  } finally {
    await state.close();
  }
}

function noted(audit: StateFolder['audit'], what: string): void {
  const { token, role } = LOCAL_CALLER;
  audit.append({ kind: 'noted', who: { name: 'local', token, role }, from: 'the command line', what });
}

function spanOf(text: string): number {
  const seconds = /[a-z]$/i.test(text) ? parseQuantity(text, 'expires_ms') / 1000 : Number.NaN;
  if (Number.isInteger(seconds) && seconds > 0) return seconds;
  throw new CommandError(EXIT.USAGE, `--expires is '${text}': give a span like 12h or 30d`);
}

function environmentNamed(text: string): string {
  const result = NameSchema.safeParse(text);
  if (result.success) return result.data;
  throw new CommandError(EXIT.USAGE, `--environment is '${text}': ${result.error.issues[0].message}`);
}
