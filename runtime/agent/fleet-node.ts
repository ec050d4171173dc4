import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { BusLog, BusSettings } from '../../bus/connection.js';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import type { FoundDevice } from '../model/device.js';
import type { ModelCatalog, ModelHost } from '../model/served-version.js';
import { ArtefactCache } from './artefact-cache.js';
import { CombinedCatalog } from './combined-catalog.js';
import { FleetCatalog } from './fleet-catalog.js';
import { HostEngine } from './host-engine.js';
import { parseLabels } from './labels.js';
import { nextLife } from './life.js';
import { LoadMeter, type VersionCount } from './load-meter.js';
import { Membership } from './membership.js';
import { NodeAgent } from './node-agent.js';
import { signatureCheck } from './signature-check.js';

const TICK_MS = 250;

/** What makes a node one of a fleet. */
export interface FleetSettings extends BusSettings {
  readonly data_dir: string;
  readonly node_labels: string;
  readonly artifact_keys: string;
}

export interface FleetNodeOptions {
  readonly settings: FleetSettings;
  readonly host: ModelHost;
  readonly workers: number;
  readonly devices: readonly FoundDevice[];
  readonly limits: Limits;
  readonly log: BusLog;
  readonly counts: () => Iterable<VersionCount>;
  /** Models that this node serves without its fleet. */
  readonly folder: ModelCatalog;
}

export interface FleetNode {
  readonly catalog: CombinedCatalog;
  readonly membership: Membership;
  close(): Promise<void>;
}

/** Joins a fleet: at once with what the node's own disk remembers, and with what is desired now when NATS is there. */
export async function joinFleet({ settings, folder, ...parts }: FleetNodeOptions): Promise<FleetNode> {
  const { host, workers, limits, log, devices } = parts;
  const name = nodeName(settings.node_name);
  const labels = parseLabels(settings.node_labels);
  const directory = join(settings.data_dir, 'fleet', name);
  const cache = new ArtefactCache(join(settings.data_dir, 'artifacts'), await signatureCheck(settings.artifact_keys));
  const budget_bytes = limits.model_memory_bytes || Math.floor(totalmem() * 0.75);
  const engine = new HostEngine({
    host,
    workers,
    devices,
    limits,
    budget_bytes,
    locate: (bytes) => cache.locate(bytes),
  });
  const meter = new LoadMeter(parts.counts, performance.now());
  let membership: Membership | undefined;
  const agent = await NodeAgent.start({
    name,
    labels,
    directory: join(directory, 'states'),
    memory_bytes: budget_bytes,
    life: await nextLife(directory),
    tick_ms: TICK_MS,
    load: () => meter.rates,
    ports: { artefacts: cache, engine, report: () => membership?.changed(), now_ms: () => performance.now(), log },
  });
  membership = new Membership({
    settings: { ...settings, node_name: name },
    agent,
    log,
    connected: (bus) => cache.connected(bus),
    beat: () => meter.sample(performance.now()),
  });
  const watching = setInterval(() => {
    for (const { model, digest, reason } of engine.lost()) agent.lost(model, digest, reason);
  }, TICK_MS);
  const joined = membership;
  return {
    catalog: new CombinedCatalog(new FleetCatalog(engine, agent), folder),
    membership: joined,
    close: async () => {
      clearInterval(watching);
      await joined.close();
      await agent.close();
    },
  };
}

/** Host names may have capitals; names of nodes do not. */
function nodeName(given: string): string {
  const result = NameSchema.safeParse(given.toLowerCase());
  if (result.success) return result.data;
  throw new TidegateError(
    'INVALID_CONFIG',
    `node_name is '${given}': ${result.error.issues[0].message}, to be one of a fleet`,
  );
}
