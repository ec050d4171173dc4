import { type Command, Option } from 'commander';
import { z } from 'zod';
import { CommandError, EXIT } from './exit.js';
import { ask } from './node-client.js';
import { randomRequest, sampleRequest } from './sample-request.js';
import { addStatus } from './status.js';
import { table } from './table.js';

const IndexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string().optional() }),
);
const TensorsSchema = z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) }));
const ModelSchema = z.object({ inputs: TensorsSchema });

/** The commands that ask a running node. */
export function addAskCommands(program: Command): void {
  withUrl(program.command('served').description('what a running node serves: every version, its state, and why'))
    .addHelpText('after', '\nExample:\n  tidegate served --url http://127.0.0.1:8080')
    .action(listModels);
  addStatus(withUrl(program.command('status')));
  withUrl(program.command('predict').argument('<model>', 'name of the model'))
    .description('ask a model once, and print its answer')
    .addOption(new Option('--json <request>', 'the request, as the Open Inference Protocol has it').conflicts('random'))
    .option('--random', 'one row of random values')
    .option('--version <version>', 'version of the model; default: the one that is served')
    .addHelpText(
      'after',
      `\nExamples:\n  tidegate predict iris\n  tidegate predict flights --random\n  tidegate predict iris --json '{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}'\n\nWithout --json a request with one row is made from the model's signature.`,
    )
    .action(predict);
}

function withUrl(command: Command): Command {
  const port = process.env['TIDEGATE_HTTP_PORT'] ?? '8080';
  return command.addOption(new Option('--url <url>', 'where the node listens').default(`http://127.0.0.1:${port}`));
}

async function listModels({ url }: { url: string }): Promise<void> {
  const index = await ask(url, { path: '/v2/repository/index', body: {}, schema: IndexSchema });
  const rows = index.map((entry) => [entry.name, entry.version, entry.state, entry.reason ?? '']);
  console.log(table(['MODEL', 'VERSION', 'STATE', 'REASON'], rows));
}

interface PredictOptions {
  readonly url: string;
  readonly json?: string;
  readonly random?: true;
  readonly version?: string;
}

async function predict(model: string, options: PredictOptions): Promise<void> {
  const { url } = options;
  const version = options.version === undefined ? '' : `/versions/${encodeURIComponent(options.version)}`;
  const path = `/v2/models/${encodeURIComponent(model)}${version}`;
  const body = options.json === undefined ? await made(path, model, options) : parseRequest(options.json);
  const answer = await ask(url, { path: `${path}/infer`, body, schema: z.unknown() });
  console.log(JSON.stringify(answer, null, 2));
}

async function made(path: string, model: string, { url, random }: PredictOptions): Promise<unknown> {
  const { inputs } = await ask(url, { path, schema: ModelSchema });
  return random === true ? randomRequest(inputs) : sampleRequest(model, inputs);
}

function parseRequest(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError(EXIT.USAGE, `--json is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
