import type { Command } from 'commander';
import { z } from 'zod';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { table } from './table.js';

const NodeSchema = z.looseObject({
  node: z.string(),
  labels: z.record(z.string(), z.string()),
  mode: z.string(),
  silent_ms: z.number().nullable(),
  quarantined_until: z.string().nullable(),
  memory_bytes: z.number(),
  memory_used_bytes: z.number(),
  models: z.record(z.string(), z.looseObject({ serving: z.array(z.number()) })),
});
const NodesSchema = z.looseObject({ nodes: z.array(NodeSchema) });
const GiB = 1024 ** 3;

/** Nodes of the fleet: `nodes`, `nodes cordon|drain|maintenance|activate|remove`. */
export function addNodes(program: Command): void {
  const nodes = program.command('nodes').description('nodes of the fleet');
  withControl(nodes.command('list', { isDefault: true }).description('every node, and what it serves'))
    .addHelpText('after', '\nExample:\n  tidegate nodes')
    .action(async ({ controlUrl, json }: ControlOptions) => {
      print(await control(controlUrl, { path: '/v1/nodes', schema: NodesSchema }), json, nodesText);
    });
  for (const [verb, mode, about] of MODES) {
    withControl(nodes.command(verb).argument('<node>', 'name of the node').description(about))
      .addHelpText('after', `\nExample:\n  tidegate nodes ${verb} edge-1`)
      .action(async (node: string, { controlUrl, json }: ControlOptions) => {
        const path = `/v1/nodes/${encodeURIComponent(node)}/mode`;
        const answer = await control(controlUrl, { method: 'PUT', path, body: { mode }, schema: z.unknown() });
        print(answer, json, () => `${node} is ${mode}`);
      });
  }
  withControl(nodes.command('remove').argument('<node>', 'name of the node').description('forget a node that is gone'))
    .addHelpText('after', '\nExample:\n  tidegate nodes remove edge-1')
    .action(async (node: string, { controlUrl, json }: ControlOptions) => {
      const path = `/v1/nodes/${encodeURIComponent(node)}`;
      print(
        await control(controlUrl, { method: 'DELETE', path, schema: z.unknown() }),
        json,
        () => `${node} is forgotten`,
      );
    });
}

const MODES = [
  ['cordon', 'cordoned', 'give a node no new model; it keeps what it has'],
  ['drain', 'draining', 'let a node give up its models'],
  ['maintenance', 'maintenance', 'do not judge a node for a while'],
  ['activate', 'active', 'let a node take part again'],
] as const;

function nodesText({ nodes }: z.infer<typeof NodesSchema>): string {
  if (nodes.length === 0) return 'No node has been heard of: tidegate runtime --nats-url URL joins one.';
  const rows = nodes.map((each) => [
    each.node,
    each.quarantined_until === null ? each.mode : `${each.mode}, in quarantine`,
    each.silent_ms === null ? 'never heard' : `${(each.silent_ms / 1000).toFixed(1)} s ago`,
    `${(each.memory_used_bytes / GiB).toFixed(2)} of ${(each.memory_bytes / GiB).toFixed(1)} GiB`,
    Object.entries(each.models)
      .map(([model, { serving }]) => `${model}@${serving.join(',') || 'none'}`)
      .join(' '),
    Object.entries(each.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]);
  return table(['NODE', 'MODE', 'HEARD', 'MEMORY', 'SERVES', 'LABELS'], rows);
}
