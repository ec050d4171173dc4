import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modelMetadata } from '../runtime/model/model-config.js';
import type { ModelCatalog } from '../runtime/model/served-version.js';
import type { Config } from '../std/settings.js';
import { CommandError, EXIT } from './exit.js';
import { curlLine } from './sample-request.js';
import { type ServedNode, serve } from './serve.js';
import { table } from './table.js';

/** What is shown first, where it is served. */
const FAVOURITES = ['flights', 'iris'];

/** `npm start`: a node on the demo models, and what to try next. */
export async function up(config: Config): Promise<void> {
  const served = await serve(config);
  await served.node.settled();
  console.log(welcome(served));
}

/** The demo models: where set-up places them in a checkout, else those that travel with the package. */
export function demoModels(data_dir: string): string {
  const placed = join(data_dir, 'models');
  const packed = fileURLToPath(new URL('../demo/models', import.meta.url));
  const found = [placed, packed].find((folder) => existsSync(folder));
  if (found !== undefined) return found;
  const remedy =
    'run npm start in a checkout, which makes them, or serve a folder of your own: tidegate runtime --models DIR';
  throw new CommandError(EXIT.FAILED, `there are no demo models in ${placed}: ${remedy}`);
}

function welcome({ node, url }: ServedNode): string {
  const { catalog } = node;
  const rows = catalog
    .index()
    .map((entry) => [entry.name, entry.version, entry.state, shapesOf(catalog, entry.name), entry.reason]);
  const lines = ['', table(['MODEL', 'VERSION', 'STATE', 'INPUTS', ''], rows), ''];
  const first = favourite(catalog);
  if (first !== undefined) {
    const version = catalog.describe(first, '');
    lines.push('Try:', `  ${curlLine(url, first, modelMetadata(version, [version.version]).inputs)}`, '');
  }
  lines.push(
    `Open:       ${url}/v2`,
    `Metrics:    ${url}/metrics`,
    `WebSocket:  ${url.replace('http', 'ws')}/v2/ws  (docs/websocket.md)`,
    ...(catalog.models().includes('flights') ? [`Replay:     npm run example:flights -- --url ${url}`] : []),
    'Stop:       Ctrl-C',
    '',
  );
  return lines.join('\n');
}

function shapesOf(catalog: ModelCatalog, model: string): string {
  if (!catalog.ready(model, '')) return '';
  const version = catalog.describe(model, '');
  const { inputs } = modelMetadata(version, []);
  return inputs.map((input) => `${input.name} ${input.datatype}[${input.shape.join(',')}]`).join(', ');
}

/** A model that one request can be sent to: sequences need more than that. */
function favourite(catalog: ModelCatalog): string | undefined {
  const single = catalog
    .models()
    .filter((name) => catalog.ready(name, '') && catalog.describe(name, '').manifest.state.length === 0);
  return FAVOURITES.find((name) => single.includes(name)) ?? single[0];
}
