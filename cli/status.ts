import type { Command } from 'commander';
import { z } from 'zod';
import { CommandError, EXIT } from './exit.js';
import { ask, isReady } from './node-client.js';
import { table } from './table.js';

const ServerSchema = z.object({ name: z.string(), version: z.string(), socket: z.string() });
const IndexSchema = z.array(z.object({ state: z.string() }));
const DurationSchema = z.object({ count: z.number(), ns: z.number() });
const StatisticsSchema = z.object({
  model_stats: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      // A node of an older version does not say.
      device: z.string().default('-'),
      inference_count: z.number(),
      execution_count: z.number(),
      inference_stats: z.object({ success: DurationSchema, fail: DurationSchema, queue: DurationSchema }),
    }),
  ),
});

type Statistics = z.infer<typeof StatisticsSchema>['model_stats'][number];

const HEADER = ['MODEL', 'VERSION', 'DEVICE', 'ANSWERED', 'FAILED', 'ROWS/BATCH', 'MEAN', 'QUEUED'];

export function addStatus(command: Command): void {
  command
    .description('whether a node is up and ready, and what its models have done')
    .addHelpText(
      'after',
      '\nExample:\n  tidegate status\n\nMEAN and QUEUED are of answered requests, since the node started.',
    )
    .action(status);
}

async function status({ url }: { url: string }): Promise<void> {
  const server = await ask(url, { path: '/v2', schema: ServerSchema });
  const ready = await isReady(url);
  const index = await ask(url, { path: '/v2/repository/index', body: {}, schema: IndexSchema });
  const { model_stats } = await ask(url, { path: '/v2/models/stats', schema: StatisticsSchema });
  const serving = index.filter((entry) => entry.state === 'READY').length;
  const state = `${ready ? 'ready' : 'not ready'}, ${serving} of ${index.length} versions serve`;
  console.log(`${server.name} ${server.version} at ${url} (${server.socket}): ${state}`);
  if (model_stats.length > 0) console.log(`\n${table(HEADER, model_stats.map(rowOf))}`);
  if (!ready) throw new CommandError(EXIT.FAILED, 'the node is not ready: tidegate served says what is missing');
}

function rowOf({ name, version, device, inference_count, execution_count, inference_stats }: Statistics): string[] {
  const { success, fail, queue } = inference_stats;
  const perBatch = execution_count === 0 ? '-' : (inference_count / execution_count).toFixed(1);
  const counts = [String(success.count), String(fail.count), perBatch];
  return [name, version, device, ...counts, meanText(success), meanText(queue)];
}

function meanText({ count, ns }: { readonly count: number; readonly ns: number }): string {
  if (count === 0) return '-';
  const us = ns / count / 1000;
  return us < 1000 ? `${us.toFixed(0)} us` : `${(us / 1000).toFixed(1)} ms`;
}
