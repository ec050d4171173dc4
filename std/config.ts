import type { z } from 'zod';
import { TidegateError } from '../contract/error.js';
import { LimitsSchema, limitsContradiction } from '../contract/limits.js';
import { nearestName } from './nearest-name.js';
import { parseQuantity, unitNames } from './quantity.js';
import { type Config, ConfigSchema } from './settings.js';

export interface Setting {
  /** `host`, `limits.max_body_bytes`: the path in tidegate.yaml. */
  readonly key: string;
  /** `--host`, `--limit-max-body-bytes`. */
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
  readonly default: unknown;
}

export type Source = 'flag' | 'variable' | 'file' | 'default';

export interface ResolvedConfig {
  readonly config: Config;
  readonly sources: ReadonlyMap<string, Source>;
}

/** Variables that have other names than their settings. Those of ClickHouse are the ones that its users have set already. */
const VARIABLE_OF: Readonly<Record<string, string>> = {
  port: 'TIDEGATE_HTTP_PORT',
  nats_url: 'NATS_URL',
  clickhouse_url: 'CLICKHOUSE_URL',
  clickhouse_user: 'CLICKHOUSE_USER',
  clickhouse_password: 'CLICKHOUSE_PASSWORD',
  clickhouse_database: 'CLICKHOUSE_DATABASE',
  clickhouse_cluster: 'CLICKHOUSE_CLUSTER',
  clickhouse_ca_file: 'CLICKHOUSE_CA_FILE',
};
const PREFIX = 'TIDEGATE_';
/** What the commands that ask a control plane read: no settings, and they may be set where a process is started too. */
const OF_COMMANDS: ReadonlySet<string> = new Set(['TIDEGATE_TOKEN', 'TIDEGATE_CONTROL_URL']);

function settingOf(key: string, schema: z.ZodType): Setting {
  const name = key.replace('limits.', 'limit_');
  return {
    key,
    flag: `--${name.replaceAll('_', '-')}`,
    variable: VARIABLE_OF[key] ?? PREFIX + name.toUpperCase(),
    description: schema.description ?? '',
    default: schema.parse(undefined),
  };
}

const { limits: _limits, ...own } = ConfigSchema.shape;

export const SETTINGS: readonly Setting[] = [
  ...Object.entries(own).map(([name, schema]) => settingOf(name, schema)),
  ...Object.entries(LimitsSchema.shape).map(([name, schema]) => settingOf(`limits.${name}`, schema)),
];

export interface ConfigInput {
  /** Values by key, as they were given on the command line. */
  readonly flags: ReadonlyMap<string, string | boolean>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The parsed tidegate.yaml; undefined where there is none. */
  readonly file: unknown;
}

/** Flag, else variable, else file, else default. Throws INVALID_CONFIG that names the setting, its source and its value. */
export function resolveConfig({ flags, env, file }: ConfigInput): ResolvedConfig {
  checkVariables(env);
  const fromFile = flatten(file);
  const sources = new Map<string, Source>();
  const values = new Map<string, unknown>();
  for (const setting of SETTINGS) {
    const [source, value] = pick(setting, flags, env, fromFile);
    sources.set(setting.key, source);
    values.set(setting.key, typeof value === 'string' ? coerce(setting, source, value) : value);
  }
  const parsed = ConfigSchema.safeParse(unflatten(values));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue.path.join('.');
    throw invalid(`${key} is ${JSON.stringify(values.get(key))} (from the ${sources.get(key)}): ${issue.message}`);
  }
  const contradiction = limitsContradiction(parsed.data.limits);
  if (contradiction !== undefined) throw invalid(contradiction);
  return { config: parsed.data, sources };
}

function pick(
  setting: Setting,
  flags: ConfigInput['flags'],
  env: ConfigInput['env'],
  file: ReadonlyMap<string, unknown>,
): [Source, unknown] {
  const flag = flags.get(setting.key);
  if (flag !== undefined) return ['flag', flag];
  const variable = env[setting.variable];
  if (variable !== undefined && variable !== '') return ['variable', variable];
  const given = file.get(setting.key);
  if (given !== undefined) return ['file', given];
  return ['default', setting.default];
}

/** Text from flags and variables becomes what the default is. */
function coerce(setting: Setting, source: Source, text: string): unknown {
  if (typeof setting.default === 'boolean') {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw invalid(`${setting.key} is '${text}' (from the ${source}): give true or false`);
  }
  if (typeof setting.default !== 'number') return text;
  const number = parseQuantity(text, setting.key);
  if (Number.isNaN(number)) {
    const units = unitNames(setting.key);
    throw invalid(
      `${setting.key} is '${text}' (from the ${source}): give a number${units === '' ? '' : `, alone or with ${units}`}`,
    );
  }
  return number;
}

function checkVariables(env: ConfigInput['env']): void {
  const known = SETTINGS.map((setting) => setting.variable);
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || known.includes(name) || OF_COMMANDS.has(name)) continue;
    throw invalid(`the variable ${name} is no setting${didYouMean(name, known)} (tidegate config lists them)`);
  }
}

/** `{limits: {a: 1}}` as `limits.a` → 1. Throws for keys that are no settings. */
function flatten(file: unknown): Map<string, unknown> {
  const values = new Map<string, unknown>();
  if (file === undefined || file === null) return values;
  const known = SETTINGS.map((setting) => setting.key);
  for (const [name, value] of entriesOf(file, 'the file')) {
    const inner =
      name === 'limits'
        ? entriesOf(value, 'limits').map(([key, item]) => [`limits.${key}`, item] as const)
        : [[name, value] as const];
    for (const [key, item] of inner) {
      if (!known.includes(key)) {
        throw invalid(
          `the file has '${key}', which is no setting${didYouMean(key, known)} (tidegate config lists them)`,
        );
      }
      values.set(key, item);
    }
  }
  return values;
}

function entriesOf(value: unknown, what: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} must be a map of settings`);
  return Object.entries(value);
}

function unflatten(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const limits: Record<string, unknown> = {};
  const root: Record<string, unknown> = { limits };
  for (const [key, value] of values) {
    if (key.startsWith('limits.')) limits[key.slice('limits.'.length)] = value;
    else root[key] = value;
  }
  return root;
}

function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `, but ${nearest} is`;
}

function invalid(message: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', message);
}
