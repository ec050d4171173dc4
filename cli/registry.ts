import type { Command } from 'commander';
import { z } from 'zod';
import { VersionRecordSchema } from '../contract/registry-record.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { table } from './table.js';

const ModelSchema = z.looseObject({
  model: z.string(),
  description: z.string(),
  aliases: z.record(z.string(), z.number()),
  versions: z.number(),
  latest: z.number().nullable(),
});
const ModelsSchema = z.looseObject({ models: z.array(ModelSchema) });
const VersionsSchema = z.looseObject({
  versions: z.array(VersionRecordSchema),
  aliases: z.record(z.string(), z.number()),
});

/** What the registry knows: `tidegate models`, `versions`, `alias`, `promote`. */
export function addRegistry(program: Command): void {
  withControl(program.command('models').description('models of the registry'))
    .addHelpText('after', '\nExample:\n  tidegate models')
    .action(async ({ controlUrl, json }: ControlOptions) => {
      const answer = await control(controlUrl, { path: '/v1/models', schema: ModelsSchema });
      print(answer, json, ({ models }) => (models.length === 0 ? NOTHING : modelsText(models)));
    });
  withControl(program.command('versions').argument('<model>', 'name of the model'))
    .description('versions of a model in the registry, the newest first')
    .addHelpText('after', '\nExample:\n  tidegate versions flights')
    .action(async (model: string, { controlUrl, json }: ControlOptions) => {
      const path = `/v1/models/${encodeURIComponent(model)}/versions`;
      print(await control(controlUrl, { path, schema: VersionsSchema }), json, versionsText);
    });
  withControl(
    program
      .command('alias')
      .argument('<model>')
      .argument('<alias>')
      .argument('[version]', 'a number, or another alias'),
  )
    .description('let a name like champion point to a version')
    .option('--delete', 'take the name away')
    .addHelpText('after', '\nExample:\n  tidegate alias flights champion 3')
    .action(alias);
  withControl(program.command('promote').argument('<model>').argument('<version>').argument('<environment>'))
    .description('let a version into an environment')
    .addHelpText('after', '\nExample:\n  tidegate promote flights 3 prod')
    .action(async (model: string, version: string, environment: string, { controlUrl, json }: ControlOptions) => {
      const path = `/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}/promote`;
      const answer = await control(controlUrl, { method: 'POST', path, body: { environment }, schema: ModelSchema });
      print(answer, json, () => `${model} version ${version} may be deployed in ${environment}`);
    });
}

const NOTHING = 'The registry is empty: tidegate push DIR --model NAME puts something into it.';

function modelsText(models: readonly z.infer<typeof ModelSchema>[]): string {
  const rows = models.map(({ model, versions, latest, aliases, description }) => [
    model,
    String(versions),
    latest === null ? '' : String(latest),
    Object.entries(aliases)
      .map(([name, version]) => `${name}→${version}`)
      .join(' '),
    description.slice(0, 60),
  ]);
  return table(['MODEL', 'VERSIONS', 'LATEST', 'ALIASES', 'DESCRIPTION'], rows);
}

function versionsText({ versions, aliases }: z.infer<typeof VersionsSchema>): string {
  const rows = versions.map(({ version, digest, bytes, created_at, created_by, environments, metrics }) => [
    String(version),
    Object.entries(aliases)
      .filter(([, target]) => target === version)
      .map(([name]) => name)
      .join(' '),
    digest.slice('sha256:'.length, 'sha256:'.length + 12),
    String(bytes),
    created_at.slice(0, 19).replace('T', ' '),
    created_by,
    Object.keys(environments).join(' '),
    Object.entries(metrics)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  ]);
  return table(['VERSION', 'ALIASES', 'DIGEST', 'BYTES', 'PUSHED', 'BY', 'ENVIRONMENTS', 'METRICS'], rows);
}

interface AliasOptions extends ControlOptions {
  readonly delete?: true;
}

async function alias(model: string, name: string, version: string | undefined, options: AliasOptions): Promise<void> {
  const path = `/v1/models/${encodeURIComponent(model)}/aliases/${encodeURIComponent(name)}`;
  const { controlUrl, json } = options;
  if (options.delete === true) {
    const answer = await control(controlUrl, { method: 'DELETE', path, schema: ModelSchema });
    print(answer, json, () => `${model} has no alias ${name} any more`);
    return;
  }
  const target = version === undefined ? '' : /^\d+$/.test(version) ? Number(version) : version;
  const answer = await control(controlUrl, { method: 'PUT', path, body: { version: target }, schema: ModelSchema });
  print(answer, json, ({ aliases }) => `${name} of ${model} is version ${aliases[name]}`);
}
