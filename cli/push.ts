import { createPrivateKey, sign } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { z } from 'zod';
import { type ArtifactFile, manifestBytes } from '../contract/artifact.js';
import { VersionRecordSchema } from '../contract/registry-record.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { answerOf, reach } from './node-client.js';
import { packageDirectory } from './package-directory.js';
import { ProgressBar } from './progress-bar.js';

const MetricsSchema = z.record(z.string(), z.number());
const PushedSchema = VersionRecordSchema.extend({
  known: z.boolean(),
  change: z.object({ breaks: z.array(z.string()), adds: z.array(z.string()) }).nullable(),
});

interface PushOptions extends ControlOptions {
  readonly model: string;
  readonly description?: string;
  readonly label: readonly string[];
  readonly parent?: string;
  readonly run?: string;
  readonly data?: string;
  readonly code?: string;
  readonly alias?: string;
  readonly sign?: string;
}

/** `tidegate push DIR --model NAME`: a directory becomes a version, or the version that it is already. */
export function addPush(program: Command): void {
  withControl(program.command('push').argument('<directory>', 'a version: model.onnx and what belongs to it'))
    .description('put a version of a model into the registry')
    .requiredOption('--model <name>', 'model that it is a version of')
    .option('--description <text>', 'what is new in it')
    .option('--label <name=value>', 'a label; may come again and again', collected, [])
    .option('--parent <version>', 'version that it is based on')
    .option('--run <name>', 'run that made it')
    .option('--data <name>', 'data that it was trained on')
    .option('--code <name>', 'code that trained it')
    .option('--alias <name>', 'let this alias point to it')
    .option('--sign <file>', 'sign it with this ed25519 private key (PEM)')
    .addHelpText('after', '\nExample:\n  tidegate push ./flights --model flights --alias challenger')
    .action(push);
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function push(directory: string, options: PushOptions): Promise<void> {
  const { controlUrl, model, json, alias } = options;
  const files = await packageDirectory(directory, () => undefined);
  await sendFiles(controlUrl, directory, files);
  const manifest = manifestBytes(files);
  const body = {
    files,
    metrics: await metricsIn(directory, files),
    labels: labelsOf(options.label),
    ...(options.description === undefined ? {} : { description: options.description }),
    lineage: lineageOf(options),
    ...(options.sign === undefined ? {} : { signature: await signed(options.sign, manifest) }),
  };
  const path = `/v1/models/${encodeURIComponent(model)}`;
  const pushed = await control(controlUrl, { method: 'POST', path: `${path}/versions`, body, schema: PushedSchema });
  if (alias !== undefined) {
    const point = { method: 'PUT', path: `${path}/aliases/${encodeURIComponent(alias)}`, schema: z.unknown() } as const;
    await control(controlUrl, { ...point, body: { version: pushed.version } });
  }
  print(pushed, json, ({ version, digest, bytes, known, change }) => {
    const first = known
      ? `${model} version ${version}: the same content was pushed before`
      : `${model} version ${version}: ${bytes} bytes, ${digest.slice(0, 19)}`;
    const breaks = change?.breaks ?? [];
    if (breaks.length === 0) return first;
    return [first, 'Against the champion it breaks callers:', ...breaks.map((each) => `  - ${each}`)].join('\n');
  });
}

/** What is there already is not sent again: a push that was cut off goes on where it was. */
async function sendFiles(url: string, directory: string, files: readonly ArtifactFile[]): Promise<void> {
  const bar = new ProgressBar(
    'push',
    files.reduce((sum, { size }) => sum + size, 0),
  );
  try {
    for (const { path, size, digest } of files) {
      const at = `/v1/artifacts/${digest}`;
      const found = await reach(url, at, { method: 'HEAD' });
      if (found.ok) {
        bar.add(size);
        continue;
      }
      const bytes = createReadStream(join(directory, path)).on('data', (chunk) => bar.add(chunk.length));
      const headers = { 'content-type': 'application/octet-stream' };
      // Sent as it is read: a file may be larger than memory.
      const init = { method: 'PUT', headers, body: Readable.toWeb(bytes), duplex: 'half' } as const;
      await answerOf(url, at, z.unknown(), await reach(url, at, init));
    }
  } finally {
    bar.end();
  }
}

async function metricsIn(directory: string, files: readonly ArtifactFile[]): Promise<Record<string, number>> {
  if (!files.some(({ path }) => path === 'metrics.json')) return {};
  try {
    return MetricsSchema.parse(JSON.parse(await readFile(join(directory, 'metrics.json'), 'utf8')));
  } catch (cause) {
    throw new CommandError(EXIT.USAGE, `metrics.json must be an object of numbers: ${String(cause)}`);
  }
}

function labelsOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new CommandError(EXIT.USAGE, `--label is '${text}': give name=value`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function lineageOf({ parent, run, data, code }: PushOptions): Record<string, string | number> {
  const known = Object.entries({ run, data, code }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  if (parent === undefined) return Object.fromEntries(known);
  if (!/^[1-9]\d*$/.test(parent))
    throw new CommandError(EXIT.USAGE, `--parent is '${parent}': give the number of a version`);
  return { ...Object.fromEntries(known), parent: Number(parent) };
}

async function signed(file: string, manifest: Uint8Array): Promise<string> {
  try {
    const key = createPrivateKey(await readFile(file));
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`it is a key of the kind ${key.asymmetricKeyType}, not ed25519`);
    return sign(null, manifest, key).toString('base64');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(EXIT.USAGE, `--sign names ${file}, which is no private key: ${why}`);
  }
}
