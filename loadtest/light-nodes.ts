import { join } from 'node:path';
import { z } from 'zod';
import type { BusSettings } from '../bus/connection.js';
import { Membership } from '../runtime/agent/membership.js';
import { NodeAgent } from '../runtime/agent/node-agent.js';

/**
 * Many nodes in one process: each with the agent, the connection and the disk of a real one, and with an engine that takes a moment instead of loading a
 * model. What it shows is what the fleet costs, and not what models do. Started by bench-fleet with its plan as an argument.
 */
const PlanSchema = z.object({
  nats_url: z.string(),
  nats_seed_file: z.string(),
  directory: z.string(),
  first: z.int(),
  count: z.int(),
});

const LOAD_MS = 5;
const LOG = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
const plan = PlanSchema.parse(JSON.parse(process.argv[2] ?? '{}'));

const takesAMoment = () => new Promise<void>((resolve) => setTimeout(resolve, LOAD_MS));

async function startNode(number: number): Promise<void> {
  const name = `light-${number}`;
  let membership: Membership | undefined;
  const agent = await NodeAgent.start({
    name,
    labels: { kind: 'light', ring: String(number % 10) },
    directory: join(plan.directory, name),
    memory_bytes: 1e9,
    life: Math.floor(Date.now() / 1000),
    tick_ms: 1000,
    ports: {
      artefacts: { fetch: takesAMoment, verify: takesAMoment },
      engine: {
        load: async () => {
          await takesAMoment();
          return { memory_bytes: 1e6 };
        },
        warm: takesAMoment,
        switchTo: () => undefined,
        drain: takesAMoment,
        unload: takesAMoment,
      },
      report: () => membership?.changed(),
      now_ms: () => performance.now(),
      log: LOG,
    },
  });
  const settings: BusSettings = {
    nats_url: plan.nats_url,
    nats_seed_file: plan.nats_seed_file,
    nats_creds_file: '',
    nats_user: '',
    nats_password: '',
    nats_ca_file: '',
    nats_replicas: 1,
    environment: 'prod',
    node_name: name,
  };
  membership = new Membership({ settings, agent, log: LOG, connected: () => undefined });
}

for (let number = plan.first; number < plan.first + plan.count; number++) await startNode(number);
process.once('disconnect', () => process.exit(0));
process.send?.({ started: plan.count });
