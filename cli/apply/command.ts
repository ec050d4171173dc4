import type { Command } from 'commander';
import { z } from 'zod';
import { DesiredStateSchema } from '../../contract/desired-state.js';
import { EnvironmentSchema } from '../../contract/environment.js';
import type { Resource } from '../../contract/resource.js';
import { type ControlOptions, control, print, withControl } from '../control-client.js';
import { CommandError, EXIT } from '../exit.js';
import { asked, type Change, type CurrentState, type Existing, type ModelState, type Plan, planned } from './plan.js';
import { idOf, resourceFiles } from './resource-files.js';

const ModelSchema = z.looseObject({
  model: z.string(),
  description: z.string(),
  labels: z.record(z.string(), z.string()),
  aliases: z.record(z.string(), z.number()),
  revision: z.number(),
});
const ModelsSchema = z.looseObject({ models: z.array(ModelSchema) });
const EnvironmentsSchema = z.looseObject({
  environments: z.array(EnvironmentSchema.extend({ environment: z.string() })),
});
const DeploymentsSchema = z.looseObject({ deployments: z.array(z.looseObject({ model: z.string() })) });
const DeploymentAnswerSchema = DesiredStateSchema.pick({ placements: true, pinned: true, limits: true }).extend({
  revision: z.number(),
});

interface ApplyOptions extends ControlOptions {
  readonly file: string;
  readonly prune?: true;
  readonly environment: string;
}

/** `tidegate apply -f DIR` and `tidegate diff -f DIR`: what should be, as files in Git. */
export function addApply(program: Command): void {
  withFiles(program.command('diff'))
    .description('what apply would change; ends with 1 when there is anything')
    .addHelpText('after', '\nExample:\n  tidegate diff -f fleet/')
    .action(async (options: ApplyOptions) => {
      const plan = await planOf(options);
      print(plan, options.json, planText);
      if (plan.changes.length > 0) process.exitCode = EXIT.FAILED;
    });
  withFiles(program.command('apply'))
    .description('make everything as the files say')
    .addHelpText('after', '\nExample:\n  tidegate apply -f fleet/ --prune')
    .action(async (options: ApplyOptions) => {
      const plan = await planOf(options);
      for (const change of plan.changes) await apply(options.controlUrl, change);
      print(plan, options.json, planText);
    });
}

function withFiles(command: Command): Command {
  return withControl(command)
    .requiredOption('-f, --file <path>', 'a file, or a folder of YAML and JSON files')
    .option('--prune', 'end deployments that no file names')
    .option('--environment <name>', 'apply only documents of this environment, and those of none', 'prod');
}

async function planOf({ controlUrl, file, prune, environment }: ApplyOptions): Promise<Plan> {
  const found = await resourceFiles(file);
  const meant = found.filter(({ resource: { metadata } }) => [undefined, environment].includes(metadata.environment));
  // An empty folder with --prune is more often a mistake than a wish.
  if (meant.length === 0) throw new CommandError(EXIT.USAGE, `'${file}' has no document for ${environment}`);
  return planned(
    meant.map(({ resource }) => resource),
    await currentState(controlUrl),
    prune === true,
  );
}

async function currentState(url: string): Promise<CurrentState> {
  const { models } = await control(url, { path: '/v1/models', schema: ModelsSchema });
  const { deployments } = await control(url, { path: '/v1/deployments', schema: DeploymentsSchema });
  const { environments } = await control(url, { path: '/v1/environments', schema: EnvironmentsSchema });
  const states = new Map<string, Existing<ReturnType<typeof asked>>>();
  for (const { model } of deployments) {
    const { revision, ...state } = await control(url, { path: deploymentPath(model), schema: DeploymentAnswerSchema });
    // What has ended is there for its epoch alone.
    if (state.placements.every(({ versions }) => versions.length === 0)) continue;
    states.set(model, { spec: asked(state), revision });
  }
  const known = models.map(({ model, description, labels, aliases, revision }): [string, Existing<ModelState>] => [
    model,
    { spec: { description, labels, aliases }, revision },
  ]);
  const policies = environments.map(
    ({ environment, requires }) => [environment, { spec: { requires }, revision: 0 }] as const,
  );
  return { models: new Map(known), environments: new Map(policies), deployments: states };
}

async function apply(url: string, change: Change): Promise<void> {
  if (change.action === 'delete') {
    const { name, revision } = change;
    await control(url, { method: 'DELETE', path: deploymentPath(name), revision, schema: z.unknown() });
    return;
  }
  const { resource, action, revision } = change;
  const over = action === 'create' ? undefined : revision;
  if (resource.kind === 'Model') await applyModel(url, resource, over);
  else if (resource.kind === 'Environment') {
    const path = `/v1/environments/${encodeURIComponent(resource.metadata.name)}`;
    await control(url, { method: 'PUT', path, body: resource.spec, schema: z.unknown() });
  } else {
    const path = deploymentPath(resource.metadata.name);
    await control(url, { method: 'PUT', path, body: resource.spec, revision: over, schema: z.unknown() });
  }
}

async function applyModel(
  url: string,
  { metadata, spec }: Extract<Resource, { kind: 'Model' }>,
  over: number | undefined,
): Promise<void> {
  const path = `/v1/models/${encodeURIComponent(metadata.name)}`;
  const body = { description: spec.description, labels: metadata.labels };
  await control(url, { method: 'PATCH', path, body, revision: over, schema: z.unknown() });
  for (const [alias, version] of Object.entries(spec.aliases)) {
    const at = `${path}/aliases/${encodeURIComponent(alias)}`;
    await control(url, { method: 'PUT', path: at, body: { version }, schema: z.unknown() });
  }
}

function deploymentPath(model: string): string {
  return `/v1/deployments/${encodeURIComponent(model)}`;
}

const SIGNS = { create: '+', update: '~', delete: '-' } as const;

function planText({ changes, unchanged }: Plan): string {
  const lines = changes.flatMap((change) => {
    const id = change.action === 'delete' ? `Deployment/${change.name}` : idOf(change.resource);
    return [`${SIGNS[change.action]} ${id}`, ...change.lines.map((line) => `    ${line}`)];
  });
  lines.push(`${changes.length} to change, ${unchanged} as they should be`);
  return lines.join('\n');
}
