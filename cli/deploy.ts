import { type Command, Option } from 'commander';
import { z } from 'zod';
import { VersionRecordSchema } from '../contract/registry-record.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { table } from './table.js';

const POLL_MS = 50;

const NodeVerdictSchema = z.looseObject({
  node: z.string(),
  verdict: z.string(),
  reason: z.string().nullable(),
  epoch: z.number(),
  serving: z.array(z.number()),
});
const DeploymentSchema = z.looseObject({
  model: z.string(),
  revision: z.number(),
  epoch: z.number(),
  status: z.looseObject({ verdict: z.string(), nodes: z.array(NodeVerdictSchema) }),
  capacity: z.array(
    z.looseObject({
      nodes: z.array(z.string()),
      refused: z.array(z.object({ node: z.string(), reason: z.string() })),
      missing: z.number(),
    }),
  ),
});
type Deployment = z.infer<typeof DeploymentSchema>;
const SummariesSchema = z.looseObject({
  deployments: z.array(
    z.looseObject({
      model: z.string(),
      epoch: z.number(),
      verdict: z.string(),
      versions: z.array(z.number()),
      counts: z.record(z.string(), z.number()),
    }),
  ),
});

interface DeployOptions extends ControlOptions {
  readonly selector: string;
  readonly replicas: string;
  readonly canary?: string;
  readonly wait: string;
}

interface WaitOptions extends ControlOptions {
  readonly wait: string;
}

/** What should be served where: `deploy`, `rollback`, `undeploy`, `deployments`. */
export function addDeploy(program: Command): void {
  waiting(withControl(program.command('deploy').argument('<model@version>', 'a version by its number or an alias')))
    .description('let nodes serve a version')
    .option('--selector <labels>', 'labels that a node must have: region=eu,ring=canary', '')
    .option('--replicas <count>', 'how many nodes; all: every one that has the labels', 'all')
    .option('--canary <version=weight>', 'let another version answer this share of 100 requests')
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate deploy flights@3\n  tidegate deploy flights@champion --canary 4=5 --selector ring=canary',
    )
    .action(deploy);
  waiting(withControl(program.command('rollback').argument('<model>', 'name of the model')))
    .description('back to what was deployed before; nothing needs to be fetched for it')
    .addHelpText('after', '\nExample:\n  tidegate rollback flights')
    .action(async (model: string, options: WaitOptions) => {
      const path = `${pathOf(model)}/rollback`;
      const answer = await control(options.controlUrl, { method: 'POST', path, body: {}, schema: DeploymentSchema });
      await shown(answer, options);
    });
  waiting(withControl(program.command('undeploy').argument('<model>', 'name of the model')))
    .description('let no node serve it any more; its versions stay in the registry')
    .addHelpText('after', '\nExample:\n  tidegate undeploy flights')
    .action(async (model: string, options: WaitOptions) => {
      const answer = await control(options.controlUrl, {
        method: 'DELETE',
        path: pathOf(model),
        schema: DeploymentSchema,
      });
      await shown(answer, options);
    });
  withControl(program.command('deployments').argument('[model]', 'one model, with every node'))
    .description('what should be served, and how far it is')
    .addHelpText('after', '\nExample:\n  tidegate deployments flights')
    .action(async (model: string | undefined, { controlUrl, json }: ControlOptions) => {
      if (model !== undefined) {
        print(await control(controlUrl, { path: pathOf(model), schema: DeploymentSchema }), json, deploymentText);
        return;
      }
      const answer = await control(controlUrl, { path: '/v1/deployments', schema: SummariesSchema });
      print(answer, json, summariesText);
    });
}

function waiting(command: Command): Command {
  return command.addOption(
    new Option('--wait <seconds>', 'how long to wait until every node serves it; 0: not at all').default('60'),
  );
}

function pathOf(model: string): string {
  return `/v1/deployments/${encodeURIComponent(model)}`;
}

async function deploy(what: string, options: DeployOptions): Promise<void> {
  const at = what.lastIndexOf('@');
  if (at < 1) throw new CommandError(EXIT.USAGE, `'${what}' names no version: give model@version, like flights@3`);
  const [model, name] = [what.slice(0, at), what.slice(at + 1)];
  const { controlUrl } = options;
  const champion = await versionOf(controlUrl, model, name);
  const versions: object[] = [{ version: champion, role: 'champion', weight: 100 }];
  if (options.canary !== undefined) {
    const found = /^([^=]+)=(\d+(?:\.\d+)?)$/.exec(options.canary);
    const weight = Number(found?.[2]);
    if (found === null || weight > 100)
      throw new CommandError(EXIT.USAGE, `--canary is '${options.canary}': give version=weight, like 4=5`);
    versions[0] = { version: champion, role: 'champion', weight: 100 - weight };
    versions.push({ version: await versionOf(controlUrl, model, found[1]), role: 'canary', weight });
  }
  const replicas = options.replicas === 'all' ? 'all' : Number(options.replicas);
  const body = { placements: [{ selector: { labels: labelsOf(options.selector) }, replicas, versions }] };
  const answer = await control(controlUrl, { method: 'PUT', path: pathOf(model), body, schema: DeploymentSchema });
  await shown(answer, options);
}

async function versionOf(url: string, model: string, name: string): Promise<number> {
  const path = `/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(name)}`;
  return (await control(url, { path, schema: VersionRecordSchema })).version;
}

function labelsOf(text: string): Record<string, string> {
  const parts = text.split(',').filter((each) => each !== '');
  return Object.fromEntries(
    parts.map((part) => {
      const [name, value] = part.split('=');
      if (value === undefined) throw new CommandError(EXIT.USAGE, `--selector has '${part}': give name=value`);
      return [name, value];
    }),
  );
}

/** Waits for the nodes, and ends the command with FAILED where they cannot. */
async function shown(started: Deployment, { controlUrl, json, wait }: WaitOptions): Promise<void> {
  const until_ms = performance.now() + Number(wait) * 1000;
  let now = started;
  const isDone = () => now.epoch >= started.epoch && ['converged', 'failed'].includes(now.status.verdict);
  while (Number(wait) > 0 && !isDone() && performance.now() < until_ms) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    now = await control(controlUrl, { path: pathOf(started.model), schema: DeploymentSchema });
  }
  print(now, json, deploymentText);
  if (Number(wait) > 0 && now.status.verdict !== 'converged') process.exitCode = EXIT.FAILED;
}

function deploymentText({ model, epoch, status, capacity }: Deployment): string {
  const rows = status.nodes.map(({ node, verdict, serving, reason }) => [
    node,
    verdict,
    serving.join(', '),
    reason ?? '',
  ]);
  const lines = [`${model}, epoch ${epoch}: ${status.verdict}`];
  if (rows.length > 0) lines.push(table(['NODE', 'STATE', 'SERVES', ''], rows));
  const refused = capacity.flatMap((each) => each.refused);
  if (refused.length > 0)
    lines.push(
      '',
      table(
        ['NOT ON', 'WHY'],
        refused.map(({ node, reason }) => [node, reason]),
      ),
    );
  const missing = capacity.reduce((sum, each) => sum + each.missing, 0);
  if (missing > 0) lines.push(`${missing} replicas have no node`);
  if (rows.length === 0 && refused.length === 0) lines.push('No node has the labels for it.');
  return lines.join('\n');
}

function summariesText({ deployments }: z.infer<typeof SummariesSchema>): string {
  if (deployments.length === 0) return 'Nothing is deployed: tidegate deploy MODEL@VERSION does it.';
  const rows = deployments.map(({ model, versions, epoch, verdict, counts }) => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return [model, versions.join(', '), String(epoch), verdict, `${counts['converged'] ?? 0} of ${total}`];
  });
  return table(['MODEL', 'VERSIONS', 'EPOCH', 'STATE', 'NODES'], rows);
}
