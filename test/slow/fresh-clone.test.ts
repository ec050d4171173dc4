import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CHECKOUT, SERVING_MODELS, temporaryFolder } from '../harness/checkout.js';
import { startRuntimeProcess } from '../harness/runtime-process.js';
import { freshClone, Program, succeed, userEnvironment } from './clone.js';

/** Offline: where the command is missing, npx must not look for a package of that name elsewhere. */
const NPX = ['npx', '--offline', '--no-install', 'tidegate'] as const;
const NO_REGISTRY = /\b(ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/;
const ANSWER = /"outputs":\[\{"name":/;

/** Runs the line that was printed, as a user pastes it, and sends the request over again where there is no curl. */
async function pasted(t: TestContext, line: string): Promise<string> {
  const shell = await new Program(t, ['sh', '-c', line], process.cwd(), userEnvironment()).ended;
  if (shell.code === 0) return shell.output;
  const [, body, url] = /^curl -s -d '(.*)' (\S+)$/.exec(line) ?? [];
  return (await fetch(url, { method: 'POST', body })).text();
}

async function startedByNpm(t: TestContext, folder: string): Promise<{ npm: Program; curl: string; url: string }> {
  const npm = new Program(
    t,
    ['npm', 'start'],
    folder,
    userEnvironment({
      TIDEGATE_HTTP_PORT: '0',
      TIDEGATE_STORE_PORT: '0',
      TIDEGATE_CONTROL_PORT: '0',
      TIDEGATE_NATS_PORT: '0',
    }),
  );
  const [, curl] = await npm.says(/^ *(curl .*)$/m);
  const [, url] = await npm.says(/^Open: +(http\S+)/m);
  await npm.says(/^Stop: /m);
  return { npm, curl, url };
}

// In order: each step is what a user does after the one before.
describe('from a fresh clone', { concurrency: 1 }, () => {
  let clone = '';
  let isServed = false;
  let withoutRegistry = '';
  let tarball = '';
  const cleanups: (() => Promise<void> | void)[] = [];

  it('npm start installs, builds, makes the models, serves, and prints a line that works when pasted', async (t) => {
    clone = await freshClone({ after: (action) => cleanups.push(action) });
    const started = await startedByNpm(t, clone).catch((error: unknown) => {
      withoutRegistry = NO_REGISTRY.exec(String(error))?.[0] ?? '';
      if (withoutRegistry === '') throw error;
    });
    if (started === undefined) return t.skip(`no package registry can be reached: ${withoutRegistry}`);
    const { npm, curl, url } = started;
    assert.match(await pasted(t, curl), ANSWER);
    const metadata = await fetch(url);
    assert.equal(metadata.status, 200);
    for (const model of ['flights', 'iris', 'speech']) assert.match(npm.output, new RegExp(`\\b${model}\\b.*READY`));
    isServed = true;
    npm.signal('SIGINT');
    const { output } = await npm.ended;
    await assert.rejects(fetch(url), output);
    assert.doesNotMatch(output, /ending at once/);
  });

  it('the second time nothing is set up any more', async (t) => {
    if (withoutRegistry !== '') return t.skip(withoutRegistry);
    assert.ok(isServed, 'it did not start the first time');
    const started = performance.now();
    const { npm, curl } = await startedByNpm(t, clone);
    t.diagnostic(`served after ${Math.round(performance.now() - started)} ms`);
    assert.doesNotMatch(npm.output, /setup:/);
    assert.match(await pasted(t, curl), ANSWER);
    npm.signal('SIGINT');
    await npm.ended;
  });

  it('npm run build makes what a package needs, and npm pack leaves the sources and the tests out', async (t) => {
    if (withoutRegistry !== '') return t.skip(withoutRegistry);
    assert.ok(isServed, 'it did not start');
    await succeed(t, ['npm', 'run', 'build'], clone);
    assert.match(await succeed(t, [...NPX, '--help'], clone), /Usage: tidegate/);
    await succeed(t, ['npm', 'pack', '--silent'], clone);
    const [name] = (await readdir(clone)).filter((file) => file.endsWith('.tgz'));
    tarball = join(clone, name);
    const listed = (await succeed(t, ['tar', '-tzf', tarball], clone)).split('\n');
    for (const wanted of ['dist/cli/main.js', 'dist/client/index.js', 'dist/client/index.d.ts', 'README.md']) {
      assert.ok(listed.includes(`package/${wanted}`), wanted);
    }
    assert.deepEqual(
      listed.filter((path) => /\.test\.|package\/(test|runtime|dist\/test)\//.test(path)),
      [],
    );
  });

  it('whoever installs the package has the command, the demo models and the client', async (t) => {
    if (withoutRegistry !== '') return t.skip(withoutRegistry);
    assert.notEqual(tarball, '', 'the package was not made');
    const folder = await temporaryFolder(t, 'user');
    await writeFile(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
    // With the install scripts, as npm's defaults have it; this one variable keeps CUDA from being downloaded on machines with a GPU.
    const env = userEnvironment({ npm_config_onnxruntime_node_install: 'skip' });
    await succeed(t, ['npm', 'install', '--no-fund', tarball], folder, env);
    assert.match(await succeed(t, [...NPX, '--version'], folder), /^\d+\.\d+\.\d+/m);
    const command = join(folder, 'node_modules', '.bin', 'tidegate');
    const runtime = await startRuntimeProcess(t, SERVING_MODELS, [], [command]);
    assert.equal((await fetch(`${runtime.url}/v2/models/scale/ready`)).status, 200);
    const up = new Program(
      t,
      [command, 'up', '--port', '0', '--store-port', '0', '--control-port', '0', '--nats-port', '0'],
      folder,
      userEnvironment(),
    );
    const [, url] = await up.says(/^Open: +(http\S+)\/v2$/m);
    await cp(join(CHECKOUT, 'test', 'pack', 'consumer.mjs'), join(folder, 'consumer.mjs'));
    assert.match(await succeed(t, [process.execPath, 'consumer.mjs', url], folder), /^\S+ \S+$/m);
    up.signal('SIGINT');
    await up.ended;
  });

  it('nothing is left behind', async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    assert.equal(existsSync(clone), false);
  });
});
