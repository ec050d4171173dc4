import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { type NodeLog, type NodeOptions, type RunningNode, startNode } from '../../runtime/node.js';
import { SOCKET_CHOICES } from '../../runtime/socket/listen.js';
import { until } from './ask.js';
import type { Cleanup } from './checkout.js';

/** Every socket serves the same faces: what is proved against one is proved against the others. */
export const SOCKETS = SOCKET_CHOICES;

const SILENT: NodeLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface RuntimeOptions extends Partial<Omit<NodeOptions, 'models' | 'limits'>> {
  readonly limits?: Partial<Limits>;
}

export interface TestRuntime {
  readonly node: RunningNode;
  readonly port: number;
  readonly url: string;
}

/** A node in this process on a port that the system gives, which stops behind the test. Its models have loaded, or failed. */
export async function startRuntime(t: Cleanup, models: string, options: RuntimeOptions = {}): Promise<TestRuntime> {
  const { limits, ...others } = options;
  const node = await startNode({
    host: '127.0.0.1',
    port: 0,
    socket: 'net',
    workers: 1,
    max_threads: 32,
    cors_origins: '',
    server_name: 'tidegate',
    server_version: '0.0.0',
    model_poll_ms: 0,
    spin_us: 0,
    poll_us: 0,
    inline_us: 0,
    log_requests: false,
    log: SILENT,
    ...others,
    limits: { ...DEFAULT_LIMITS, drain_timeout_ms: 10_000, ...limits },
    models,
  });
  t.after(async () => {
    await node.stop();
  });
  await node.settled();
  const { port } = node.address;
  return { node, port, url: `http://127.0.0.1:${port}` };
}

/** Waits until a worker thread has a batch. */
export async function untilRunning({ node }: TestRuntime): Promise<void> {
  await until('a thread runs a batch', () => [...node.host.fleet.links].some((link) => link.running > 0));
}
