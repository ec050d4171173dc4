import { z } from 'zod';
import { ask } from './node-client.js';
import { curlLine } from './sample-request.js';
import type { RunningMachine } from './supervise/machine.js';
import { table } from './table.js';

/** What is shown first, where it is served. */
const FAVOURITES = ['flights', 'iris'];

const IndexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string().default('') }),
);
const TensorSchema = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) });
const ModelSchema = z.object({ inputs: z.array(TensorSchema) });
const ConfigSchema = z.object({ sequence_batching: z.unknown().optional() });

interface ReadyModel {
  readonly inputs: z.infer<typeof ModelSchema>['inputs'];
  /** One request says little to a model that needs a sequence of them. */
  readonly needsSequence: boolean;
}

/** What is served, a request to paste, and the addresses to open. */
export async function welcome({
  runtime_url: url,
  control_url,
  clickhouse_url,
  nats_url,
}: RunningMachine): Promise<string> {
  const index = await ask(url, { path: '/v2/repository/index', body: {}, schema: IndexSchema });
  const ready = new Map<string, ReadyModel>();
  for (const { name, state } of index) if (state === 'READY') ready.set(name, await readyModel(url, name));
  const rows = index.map(({ name, version, state, reason }) => [name, version, state, shapes(ready.get(name)), reason]);
  const single = [...ready.keys()].filter((name) => ready.get(name)?.needsSequence === false);
  const first = FAVOURITES.find((name) => single.includes(name)) ?? single[0];
  const lines = ['', table(['MODEL', 'VERSION', 'STATE', 'INPUTS', ''], rows), ''];
  if (first !== undefined) lines.push('Try:', `  ${curlLine(url, first, ready.get(first)?.inputs ?? [])}`, '');
  const addresses = [
    ['Open', `${url}/v2`],
    ['Metrics', `${url}/metrics`],
    ['WebSocket', `${url.replace('http', 'ws')}/v2/ws  (docs/websocket.md)`],
    ...(control_url === '' ? [] : [['Control', `${control_url}/v1  (docs/control-plane.md)`]]),
    ...(clickhouse_url === '' ? [] : [['Log', `${clickhouse_url}  (ClickHouse; docs/prediction-log.md)`]]),
    ...(nats_url === '' || control_url === ''
      ? []
      : [['Fleet', 'npx tidegate push DIR --model NAME, then npx tidegate deploy NAME@1  (docs/fleet.md)']]),
    ...(ready.has('flights') ? [['Replay', `npm run example:flights -- --url ${url}`]] : []),
    ['Stop', 'Ctrl-C'],
  ];
  return [...lines, ...addresses.map(([what, where]) => `${`${what}:`.padEnd(11)} ${where}`), ''].join('\n');
}

async function readyModel(url: string, name: string): Promise<ReadyModel> {
  const path = `/v2/models/${encodeURIComponent(name)}`;
  const { inputs } = await ask(url, { path, schema: ModelSchema });
  const config = await ask(url, { path: `${path}/config`, schema: ConfigSchema });
  return { inputs, needsSequence: config.sequence_batching !== undefined };
}

function shapes(model: ReadyModel | undefined): string {
  return (model?.inputs ?? []).map(({ name, datatype, shape }) => `${name} ${datatype}[${shape.join(',')}]`).join(', ');
}
