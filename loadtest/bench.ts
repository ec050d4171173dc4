import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BenchModel, inputWidth, writeBenchModels } from './bench-models.js';
import { type LoadResult, runClosedLoop } from './closed-loop.js';
import { startRuntime } from './started-runtime.js';
import { startStore } from './started-store.js';
import { runStreams } from './stream-closed-loop.js';

/**
 * `npm run bench`: what this machine answers a second, and how long one request takes, with the bare socket measured in the
 * same run. Figures of different runs do not compare; ratios of one run do.
 */
const HELP = `npm run bench -- [options]
  --seconds N    time for each measurement (default 4)
  --socket S     net, uws or node (default net)
  --log          what the prediction log costs: a node that logs every request beside one that logs none
  --million      one million requests, watching the memory
  --help`;

interface Server {
  readonly process: ChildProcess;
  readonly port: number;
}

const LOG_ROUNDS = 3;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    socket: { type: 'string', default: 'net' },
    log: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-bench-'));
  const servers: Server[] = [];
  try {
    await writeBenchModels(directory);
    console.log(
      `${cpus()[0]?.model ?? 'unknown processor'} × ${cpus().length}, Node ${process.version}; load generator and server share them\n`,
    );
    const node = await startNode(directory);
    servers.push(node);
    if (values.log) await withLog(node, directory, servers);
    else if (values.million) await million(node);
    else {
      const bare = await startBareSocket();
      if (bare !== undefined) servers.push(bare);
      await table(node, bare);
    }
  } finally {
    for (const server of servers) server.process.kill('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  }
}

async function table(node: Server, bare: Server | undefined): Promise<void> {
  for (const connections of [1, 8, 64]) {
    const echoed = bare === undefined ? undefined : await measure(bare, connections, jsonRequest('small'));
    if (echoed !== undefined) report(`bare socket, JSON, ${connections} connections`, echoed, undefined);
    report(`small, JSON, ${connections} connections`, await measure(node, connections, jsonRequest('small')), echoed);
    report(
      `small, binary, ${connections} connections`,
      await measure(node, connections, binaryRequest('small')),
      echoed,
    );
  }
  const duration_ms = Number(values.seconds) * 1000;
  const streamed = { port: node.port, model: 'small', inputs: jsonInputs('small'), streams: 16, duration_ms };
  report('small, WebSocket, 16 streams of 1', await runStreams({ ...streamed, window: 1 }), undefined);
  report('small, WebSocket, 16 streams of 8', await runStreams({ ...streamed, window: 8 }), undefined);
  report('mid, JSON, 64 connections', await measure(node, 64, jsonRequest('mid')), undefined);
  report('mid, binary, 64 connections', await measure(node, 64, binaryRequest('mid')), undefined);
}

/** In turns, so that whatever else the machine does falls on all alike; ratios are of the sums over all rounds. */
async function withLog(plain: Server, directory: string, servers: Server[]): Promise<void> {
  const logging: [name: string, server: Server][] = [];
  for (const fsync of ['never', 'interval', 'each']) {
    const data = join(directory, `.data-${fsync}`);
    const flags = ['--prediction-log', 'on', '--log-fsync', fsync, '--log-overflow', 'drop_oldest', '--data-dir', data];
    const server = await startNode(directory, flags);
    servers.push(server);
    logging.push([`log_fsync ${fsync}`, server]);
  }
  const [store, clickhouse] = await startStore(join(directory, '.store'));
  servers.push({ process: store, port: 0 });
  const shipping = ['--clickhouse-url', clickhouse, '--data-dir', join(directory, '.data-shipped')];
  const shipped = await startNode(directory, shipping);
  servers.push(shipped);
  logging.push(['shipped to the store', shipped]);
  for (const [kind, request] of [
    ['JSON', jsonRequest('small')],
    ['binary', binaryRequest('small')],
  ] as const) {
    for (const connections of [1, 64]) {
      const sums = new Map<string, number>();
      const drains_ms: number[] = [];
      for (let round = 0; round < LOG_ROUNDS; round++) {
        for (const [name, server] of [['no log', plain] as const, ...logging]) {
          const { requests_per_s, failures } = await measure(server, connections, request);
          if (failures > 0) throw new Error(`${failures} requests failed`);
          sums.set(name, (sums.get(name) ?? 0) + requests_per_s);
          // What it still ships would cost the next one.
          if (server === shipped) drains_ms.push(await drained(server));
        }
      }
      for (const [name, sum] of sums) {
        const label = `small, ${kind}, ${connections} connections, ${name}`;
        const ratio = `${(sum / (sums.get('no log') ?? sum)).toFixed(2)} × no log`;
        console.log(`${label.padEnd(52)}${Math.round(sum / LOG_ROUNDS).toLocaleString('en')}/s   ${ratio}`);
      }
      console.log(
        `${''.padEnd(52)}all of it in the store ${Math.round(Math.max(...drains_ms))} ms after the load at most\n`,
      );
    }
  }
}

/** How long until everything that was logged is in ClickHouse. */
async function drained({ port }: Server): Promise<number> {
  const began_ms = performance.now();
  for (;;) {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const of = (name: string) => Number(new RegExp(`^tidegate_log_${name} (\\d+)`, 'm').exec(metrics)?.[1]);
    if (of('ship_rows_total') >= of('records_total')) return performance.now() - began_ms;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function million(node: Server): Promise<void> {
  const request = jsonRequest('small');
  for (let round = 0; round <= 10; round++) {
    if (round > 0) {
      const result = await runClosedLoop({
        port: node.port,
        request,
        connections: 64,
        duration_ms: 600_000,
        max_requests: 100_000,
      });
      if (result.failures > 0) throw new Error(`${result.failures} of 100000 requests failed`);
    }
    const { rss, heap } = await memoryOf(node);
    console.log(`${String(round * 100_000).padStart(8)} requests   heap ${mebibytes(heap)}   rss ${mebibytes(rss)}`);
  }
}

async function measure(server: Server, connections: number, request: Buffer): Promise<LoadResult> {
  await runClosedLoop({ port: server.port, request, connections, duration_ms: 500 });
  return runClosedLoop({ port: server.port, request, connections, duration_ms: Number(values.seconds) * 1000 });
}

function report(label: string, result: LoadResult, base: LoadResult | undefined): void {
  const rate = `${Math.round(result.requests_per_s).toLocaleString('en')}/s`.padStart(11);
  const latency = `p50 ${Math.round(result.p50_us)} µs  p99 ${Math.round(result.p99_us)} µs`;
  const ratio = base === undefined ? '' : `  ${(result.requests_per_s / base.requests_per_s).toFixed(2)} × bare`;
  const failures = result.failures > 0 ? `  ${result.failures} FAILED` : '';
  console.log(`${label.padEnd(36)}${rate}   ${latency}${ratio}${failures}`);
}

function jsonInputs(model: BenchModel): string {
  const width = inputWidth(model);
  const data = Array.from({ length: width }, (_, i) => Number((((i * 7919) % 10_000) / 10_000).toFixed(4)));
  return JSON.stringify([{ name: 'input', datatype: 'FP32', shape: [1, width], data }]);
}

function jsonRequest(model: BenchModel): Buffer {
  return post(model, Buffer.from(`{"inputs":${jsonInputs(model)}}`), '');
}

function binaryRequest(model: BenchModel): Buffer {
  const width = inputWidth(model);
  const tensor = Buffer.from(Float32Array.from({ length: width }, (_, i) => i / width).buffer);
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, width], parameters: { binary_data_size: tensor.length } }],
      parameters: { binary_data_output: true },
    }),
  );
  return post(model, Buffer.concat([json, tensor]), `inference-header-content-length: ${json.length}\r\n`);
}

function post(model: BenchModel, body: Buffer, headers: string): Buffer {
  const head = `POST /v2/models/${model}/infer HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${headers}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

function startNode(models: string, flags: readonly string[] = []): Promise<Server> {
  return startRuntime(models, ['--socket', values.socket, ...flags]);
}

async function startBareSocket(): Promise<Server | undefined> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./bare-socket.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    return { process: child, port: Number(await firstMatch(child, /(\d+)/)) };
  } catch {
    console.log('uWebSockets.js does not load here: no bare socket to compare with\n');
    return undefined;
  }
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text);
      if (found !== null) resolve(found[1]);
    });
    child.on('exit', (code) => reject(new Error(`a server ended with code ${code} before it was up`)));
  });
}

/** From the node's own metrics, so that it works wherever the node runs. */
async function memoryOf(node: Server): Promise<{ rss: number; heap: number }> {
  const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
  const read = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return { rss: read(/^tidegate_process_resident_bytes (\S+)/m), heap: read(/^tidegate_heap_used_bytes (\S+)/m) };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
