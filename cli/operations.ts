import { type Command, Option } from 'commander';
import { z } from 'zod';
import { OPERATION_STATES, type Operation, OperationSchema } from '../control-plane/api/operation.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { table } from './table.js';

const PageSchema = z.object({ items: z.array(OperationSchema), next_cursor: z.string().nullable() });

interface ListOptions extends ControlOptions {
  readonly state?: string;
  readonly limit: string;
}

/** `tidegate operations list|show|cancel`: long work of the control plane. */
export function addOperations(program: Command): void {
  const operations = program.command('operations').description('long work that can be watched and cancelled');
  withControl(operations.command('list'))
    .description('what runs and what has ended, newest first')
    .addOption(new Option('--state <state>', 'in this state only').choices(OPERATION_STATES))
    .option('--limit <count>', 'most of them', '50')
    .addHelpText('after', '\nExample:\n  tidegate operations list --state running')
    .action(list);
  withControl(operations.command('show').argument('<id>', 'its id, as the list has it'))
    .description('how far it is, and what came of it')
    .addHelpText('after', '\nExample:\n  tidegate operations show op-001772366400000-1a2b3c4d --json')
    .action((id: string, { controlUrl, json }: ControlOptions) => one(controlUrl, pathOf(id), 'GET', json));
  withControl(operations.command('cancel').argument('<id>', 'its id, as the list has it'))
    .description('ask it to stop')
    .addHelpText('after', '\nExample:\n  tidegate operations cancel op-001772366400000-1a2b3c4d')
    .action((id: string, { controlUrl, json }: ControlOptions) =>
      one(controlUrl, `${pathOf(id)}/cancel`, 'POST', json),
    );
}

function pathOf(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}

async function list({ controlUrl, state, limit, json }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit, ...(state === undefined ? {} : { state }) });
  const page = await control(controlUrl, { path: `/v1/operations?${query}`, schema: PageSchema });
  print(page, json, ({ items }) =>
    table(
      ['ID', 'STATE', 'DONE', 'BY', 'WHAT'],
      items.map((each) => [each.id, standing(each), part(each), each.by, each.what]),
    ),
  );
}

async function one(url: string, path: string, method: 'GET' | 'POST', json: true | undefined): Promise<void> {
  const operation = await control(url, { method, path, schema: OperationSchema });
  print(operation, json, (each) =>
    [
      `${each.what}: ${standing(each)} ${part(each)}`.trimEnd(),
      ...(each.message === '' ? [] : [each.message]),
      ...(each.problem === null ? [] : [`${each.problem.detail} (${each.problem.code})`]),
    ].join('\n'),
  );
}

function standing({ state, is_cancelling }: Operation): string {
  return is_cancelling ? 'stopping' : state;
}

function part({ progress }: Operation): string {
  return progress === null ? '' : `${Math.round(progress * 100)} %`;
}
