import { type NodeOptions, type RunningNode, startNode } from '../runtime/node.js';
import { backendsFolder } from '../std/backends-folder.js';
import { certificateOf } from '../std/certificate.js';
import { createLog, type Log } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { announceReady, whenOrphaned } from '../std/supervised.js';
import { productVersion } from './product.js';

export interface ServedNode {
  readonly node: RunningNode;
  readonly url: string;
  readonly log: Log;
}

/** Starts a runtime in this process, which ends when it is told to. */
export async function serve(config: Config): Promise<ServedNode> {
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'runtime',
    node: config.node_name,
  });
  const node = await startNode(nodeOptions(config, log));
  const { host, port } = node.address;
  const url = `${config.tls_cert_file === '' ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  log.info({ url, socket: node.socketKind, models: config.models, workers: config.workers }, `listening on ${url}`);
  stopOnSignals(node, log);
  announceReady(url);
  return { node, url, log };
}

function nodeOptions(config: Config, log: Log): NodeOptions {
  const logs = config.prediction_log === 'on' || (config.prediction_log === 'auto' && config.clickhouse_url !== '');
  const backends_dir = backendsFolder(config);
  const predictions = logs ? config : undefined;
  const fleet = config.nats_url === '' ? undefined : config;
  const certificate = certificateOf({
    cert_setting: 'tls_cert_file',
    cert_file: config.tls_cert_file,
    key_setting: 'tls_key_file',
    key_file: config.tls_key_file,
  });
  return { ...config, certificate, backends_dir, server_version: productVersion(), log, predictions, fleet };
}

/** The first signal lets everything finish that was admitted; the second ends the process at once. */
function stopOnSignals(node: RunningNode, log: Log): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals | 'disconnect') => {
    if (stopping) endAtOnce(log, `second ${signal}: ending at once`);
    stopping = true;
    log.info({ signal }, 'stopping: what was admitted is answered first; a second signal ends at once');
    node.stop().then(
      (ended) => {
        if (!ended) endAtOnce(log, 'a worker thread is stuck in native code: ending the process with it');
        log.info({}, 'stopped');
        log.flush();
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ error }, 'stopping failed');
        endAtOnce(log, 'ending at once');
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  whenOrphaned(() => stop('disconnect'));
}

/** Not `process.exit`: it terminates worker threads, and a thread inside ONNX Runtime then aborts the process with a core dump. */
function endAtOnce(log: Log, why: string): never {
  log.warn({}, why);
  log.flush();
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable: the process was ended');
}
