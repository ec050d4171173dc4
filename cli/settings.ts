import { existsSync, readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import { TidegateError } from '../contract/error.js';
import { type ResolvedConfig, resolveConfig, SETTINGS, type Setting } from '../std/config.js';
import { quantityText } from '../std/quantity.js';

const CONFIG_FILE = 'tidegate.yaml';

/** Gives a command a flag for every setting. `presets` are the defaults that this command has of its own, as its help names them. */
export function addSettings(command: Command, presets: ReadonlyMap<string, string> = new Map()): Command {
  command.option('--config <file>', `settings as YAML (default: ${CONFIG_FILE} where there is one)`);
  for (const setting of SETTINGS) {
    const isSwitch = typeof setting.default === 'boolean';
    const option = new Option(
      `${setting.flag} ${isSwitch ? '[value]' : '<value>'}`,
      describeSetting(setting, presets.get(setting.key)),
    );
    command.addOption(setting.key.startsWith('limits.') ? option.helpGroup('Limits:') : option);
  }
  return command;
}

/** What one setting means, as its help has it. A default that depends on the machine is part of the description. */
function describeSetting({ key, variable, description, default: value }: Setting, preset?: string): string {
  const said = description.includes('default:') ? '' : `; default: ${preset ?? (quantityText(value, key) || 'none')}`;
  return `${description}${said} [${variable}]`;
}

/** The configuration from the flags of `command`, the environment and the file. */
export function configOf(command: Command, env: NodeJS.ProcessEnv): ResolvedConfig {
  const options: Record<string, unknown> = command.opts();
  const flags = new Map<string, string | boolean>();
  for (const setting of SETTINGS) {
    const value = options[attributeOf(setting.flag)];
    if (typeof value === 'string' || typeof value === 'boolean') flags.set(setting.key, value);
  }
  const file = options['config'];
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
