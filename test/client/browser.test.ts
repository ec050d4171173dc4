import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TRITON_MODELS } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);
const BUILT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs in the page: the client as it was built, over HTTP and over a stream, and tells the page's server what came of it. */
function page(runtime: string): string {
  return `<!doctype html><script type="module">
    import { TidegateClient } from '/client/index.js';
    const told = [];
    try {
      const client = new TidegateClient('${runtime}');
      const once = await client.infer('classify', { INPUT: new Float32Array([1, 2, 4, 1]) });
      told.push([...once.outputs.PROBABILITIES.data]);
      const connection = await client.connect();
      const stream = await connection.openStream('add_sub_int32');
      const INPUT1 = new Int32Array(16).fill(1);
      for (let i = 0; i < 3; i++) {
        const { outputs } = await stream.infer({ INPUT0: new Int32Array(16).fill(i), INPUT1 });
        told.push(outputs.OUTPUT0.data[0]);
      }
      await connection.close();
    } catch (error) {
      told.push(String(error));
    }
    await fetch('/told', { method: 'POST', body: JSON.stringify(told) });
  </script>`;
}

it('the client runs in a real browser, over HTTP and WebSocket', {
  skip: browser === undefined && `none of ${BROWSERS.join(', ')} is installed`,
  timeout: 60_000,
}, async (t) => {
  const { url } = await startRuntime(t, TRITON_MODELS, { cors_origins: '*' });
  const { address, told } = await servePage(t, page(url));
  await openBrowser(t, browser ?? '', address);
  assert.deepEqual(JSON.parse(await told), [[0.125, 0.25, 0.5, 0.125], 1, 2, 3]);
});

/** Serves the page and the built client, and waits for what the page tells. */
async function servePage(t: TestContext, html: string): Promise<{ address: string; told: Promise<string> }> {
  const { promise, resolve } = withResolver();
  const server = createServer((request, response) => {
    const path = normalize(request.url ?? '/');
    if (path === '/told') {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        response.end();
        resolve(body);
      });
    } else if (/^\/(client|contract)\/[\w-]+\.js$/.test(path)) {
      readFile(join(BUILT, path)).then(
        (script) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(script),
        () => response.writeHead(404).end(),
      );
    } else {
      response.writeHead(path === '/' ? 200 : 404, { 'content-type': 'text/html' }).end(path === '/' ? html : '');
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const address: AddressInfo | string | null = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return { address: `http://127.0.0.1:${address.port}/`, told: promise };
}

function withResolver(): { promise: Promise<string>; resolve: (value: string) => void } {
  let resolve: (value: string) => void = () => undefined;
  const promise = new Promise<string>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function openBrowser(t: TestContext, command: string, address: string): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'tidegate-browser-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(command, [...flags, ...quiet, address], { stdio: 'ignore' });
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
}
