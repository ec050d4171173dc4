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
  load: z
    .array(z.looseObject({ answered_per_s: z.number(), failed_per_s: z.number(), mean_us: z.number() }))
    .default([]),
});
const NodesSchema = z.looseObject({ nodes: z.array(NodeSchema) });
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

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
    `${bytesText(each.memory_used_bytes)} of ${bytesText(each.memory_bytes)}`,
    loadText(each.load),
    Object.entries(each.models)
      .map(([model, { serving }]) => `${model}@${serving.join(',') || 'none'}`)
      .join(' '),
    Object.entries(each.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]);
  return table(['NODE', 'MODE', 'HEARD', 'MEMORY', 'LOAD', 'SERVES', 'LABELS'], rows);
}

function bytesText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** unit;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

function loadText(load: z.infer<typeof NodeSchema>['load']): string {
  const answered = load.reduce((sum, each) => sum + each.answered_per_s, 0);
  const failed = load.reduce((sum, each) => sum + each.failed_per_s, 0);
  if (answered + failed === 0) return 'idle';
  const mean_us = load.reduce((sum, each) => sum + each.mean_us * each.answered_per_s, 0) / Math.max(answered, 1e-9);
  const rate = `${answered.toFixed(answered < 10 ? 1 : 0)}/s, ${(mean_us / 1000).toFixed(2)} ms`;
  return failed === 0 ? rate : `${rate}, ${failed.toFixed(1)}/s failed`;
}
