// Records what the Python clients send: node dist/test/python/record.js. Writes test/fixtures/clients; run it when the pinned clients or
// the checks change, and look at the difference before you commit it.
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parseAnswer, type WireAnswer } from '../harness/http-answer.js';
import { startRuntime } from '../harness/runtime.js';
import { pythonWith, runChecks } from './environment.js';
import { clientModels } from './models.js';
import { ANSWER_HEADERS, CLIENTS, type ClientExchange, recordingPath } from './recorded-client.js';

const HEAD_END = '\r\n\r\n';

/** Hands bytes through, and keeps them. A client sends its next request on a connection only after the answer, so they part by themselves. */
class RecordingProxy {
  readonly exchanges: ClientExchange[] = [];
  readonly #server: Server;

  static async open(port: number): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(port: number) {
    this.#server = createServer((client) => this.#serve(client, connect(port, '127.0.0.1')));
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `127.0.0.1:${address.port}`;
  }

  close(): void {
    this.#server.close();
  }

  #serve(client: Socket, runtime: Socket): void {
    let request = Buffer.alloc(0);
    let reply = Buffer.alloc(0);
    client.on('data', (chunk) => {
      request = Buffer.concat([request, chunk]);
      runtime.write(chunk);
    });
    runtime.on('data', (chunk) => {
      reply = Buffer.concat([reply, chunk]);
      const parsed = parseAnswer(reply, 'GET', false);
      if (parsed !== undefined) {
        this.exchanges.push(exchangeOf(request, parsed.answer));
        request = Buffer.alloc(0);
        reply = Buffer.alloc(0);
      }
      client.write(chunk);
    });
    for (const [one, other] of [
      [client, runtime],
      [runtime, client],
    ]) {
      one.on('end', () => other.end());
      one.on('error', () => other.destroy());
    }
  }
}

function exchangeOf(request: Buffer, answer: WireAnswer): ClientExchange {
  const end = request.indexOf(HEAD_END) + HEAD_END.length;
  const headers = ANSWER_HEADERS.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    head: request.toString('latin1', 0, end),
    body_base64: request.toString('base64', end),
    answer: {
      status: answer.status,
      headers: Object.fromEntries(headers),
      body_base64: answer.body.toString('base64'),
    },
  };
}

/** Without those that say nothing new: the same question with the same answer right after itself. */
function thinned(exchanges: readonly ClientExchange[]): readonly ClientExchange[] {
  return exchanges.filter((each, i) => i === 0 || JSON.stringify(each) !== JSON.stringify(exchanges[i - 1]));
}

async function record(client: string, python: string): Promise<void> {
  const cleanups: (() => Promise<void> | void)[] = [];
  const behind = { after: (action: () => Promise<void> | void) => cleanups.push(action) };
  try {
    const { port } = await startRuntime(behind, await clientModels(behind));
    const proxy = await RecordingProxy.open(port);
    cleanups.push(() => proxy.close());
    const results = await runChecks(python, `with_${client}.py`, proxy.address);
    const failed = results.filter(({ ok }) => !ok).map(({ name }) => name);
    if (failed.length > 0) throw new Error(`nothing is recorded while checks fail: ${failed.join('; ')}`);
    const path = recordingPath(client);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(thinned(proxy.exchanges), undefined, 1)}\n`);
    process.stdout.write(`${path}: ${proxy.exchanges.length} exchanges\n`);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

const environment = await pythonWith('requirements.txt');
if ('missing' in environment) {
  process.stderr.write(`${environment.missing}\n`);
  process.exitCode = 1;
} else {
  for (const client of CLIENTS) await record(client, environment.python);
}
