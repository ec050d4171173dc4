import { type Command, Option } from 'commander';
import { z } from 'zod';
import { CommandError, EXIT } from './exit.js';
import { ask } from './node-client.js';
import { sampleRequest } from './sample-request.js';
import { table } from './table.js';

const IndexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string().optional() }),
);
const ServerSchema = z.object({ name: z.string(), version: z.string(), socket: z.string() });
const TensorsSchema = z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) }));
const ModelSchema = z.object({ inputs: TensorsSchema });

/** The commands that ask a running node. */
export function addAskCommands(program: Command): void {
  const models = program.command('models').description('models of a running node');
  withUrl(models.command('list').description('every version, its state, and why'))
    .addHelpText('after', '\nExample:\n  tidegate models list --url http://127.0.0.1:8080')
    .action(async ({ url }: { url: string }) => {
      const index = IndexSchema.parse(await ask(url, '/v2/repository/index', {}));
      const rows = index.map((entry) => [entry.name, entry.version, entry.state, entry.reason ?? '']);
      console.log(table(['MODEL', 'VERSION', 'STATE', 'REASON'], rows));
    });
  withUrl(program.command('status').description('whether a node is up and ready, and what serves it'))
    .addHelpText('after', '\nExample:\n  tidegate status')
    .action(async ({ url }: { url: string }) => {
      const server = ServerSchema.parse(await ask(url, '/v2'));
      const ready = await isReady(url);
      const index = IndexSchema.parse(await ask(url, '/v2/repository/index', {}));
      const serving = index.filter((entry) => entry.state === 'READY').length;
      console.log(
        `${server.name} ${server.version} at ${url} (${server.socket}): ${ready ? 'ready' : 'not ready'}, ${serving} of ${index.length} versions serve`,
      );
      if (!ready) throw new CommandError(EXIT.FAILED, 'the node is not ready');
    });
  withUrl(
    program
      .command('predict')
      .argument('<model>', 'name of the model')
      .description('ask a model once, and print its answer'),
  )
    .option('--json <request>', 'the request, as the Open Inference Protocol has it')
    .option('--version <version>', 'version of the model; default: the one that is served')
    .addHelpText(
      'after',
      `\nExamples:\n  tidegate predict iris\n  tidegate predict iris --json '{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}'\n\nWithout --json a request with one row is made from the model's signature.`,
    )
    .action(predict);
}

async function predict(model: string, options: { url: string; json?: string; version?: string }): Promise<void> {
  const version = options.version === undefined ? '' : `/versions/${encodeURIComponent(options.version)}`;
  const path = `/v2/models/${encodeURIComponent(model)}${version}`;
  const request = options.json === undefined ? await sampleFor(options.url, path, model) : parseJson(options.json);
  console.log(JSON.stringify(await ask(options.url, `${path}/infer`, request), null, 2));
}

async function sampleFor(url: string, path: string, model: string): Promise<unknown> {
  return sampleRequest(model, ModelSchema.parse(await ask(url, path)).inputs);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError(EXIT.USAGE, `--json is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(new URL('/v2/health/ready', url))).ok;
}

function withUrl(command: Command): Command {
  const port = process.env['TIDEGATE_HTTP_PORT'] ?? '8080';
  return command.addOption(new Option('--url <url>', 'where the node listens').default(`http://127.0.0.1:${port}`));
}
