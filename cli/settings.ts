import { existsSync, readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import { TidegateError } from '../contract/error.js';
import { type ResolvedConfig, resolveConfig, SETTINGS } from '../std/config.js';

const CONFIG_FILE = 'tidegate.yaml';

/** Gives a command a flag for every setting; limits are not in its help, `tidegate config` lists them. */
export function addSettings(command: Command): Command {
  command.option('--config <file>', `settings as YAML (default: ${CONFIG_FILE} where there is one)`);
  for (const setting of SETTINGS) {
    const argument = typeof setting.default === 'boolean' ? '' : ' <value>';
    const option = new Option(`${setting.flag}${argument}`, `${setting.description} [${setting.variable}]`);
    command.addOption(setting.key.startsWith('limits.') ? option.hideHelp() : option);
  }
  return command;
}

/** The configuration from the flags of `command`, the environment and the file. */
export function configOf(
  command: Command,
  env: NodeJS.ProcessEnv,
  presets: ReadonlyMap<string, string> = new Map(),
): ResolvedConfig {
  const options: Record<string, unknown> = command.opts();
  const flags = new Map<string, string | boolean>();
  for (const setting of SETTINGS) {
    const value = options[attributeOf(setting.flag)];
    if (typeof value === 'string' || typeof value === 'boolean') flags.set(setting.key, value);
  }
  const file = options['config'];
  const resolved = resolveConfig({ flags, env, file: readFile(typeof file === 'string' ? file : undefined) });
  if ([...presets.keys()].every((key) => resolved.sources.get(key) !== 'default')) return resolved;
  for (const [key, value] of presets) if (resolved.sources.get(key) === 'default') flags.set(key, value);
  return resolveConfig({ flags, env, file: readFile(typeof file === 'string' ? file : undefined) });
}

/** `--limit-max-body-bytes` is `limitMaxBodyBytes` among commander's options. */
function attributeOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function readFile(named: string | undefined): unknown {
  const path = named ?? CONFIG_FILE;
  if (named === undefined && !existsSync(path)) return undefined;
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `${path} cannot be read as YAML: ${reason}`, { cause });
  }
}
