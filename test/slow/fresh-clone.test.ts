import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '../harness/checkout.js';
import { freshClone, Program, succeed, userEnvironment } from './clone.js';

/** Offline: where the command is missing, npx must not look for a package of that name elsewhere. */
const NPX = ['npx', '--offline', '--no-install', 'tidegate'] as const;
const ANSWER = /"outputs":\[\{"name":/;

/** Runs the line that was printed, as a user pastes it, and sends the request over again where there is no curl. */
async function pasted(t: TestContext, line: string): Promise<string> {
  const shell = await new Program(t, ['sh', '-c', line], process.cwd(), userEnvironment()).ended;
  if (shell.code === 0) return shell.output;
  const [, body, url] = /^curl -s -d '(.*)' (\S+)$/.exec(line) ?? [];
  return (await fetch(url, { method: 'POST', body })).text();
}

async function startedByNpm(t: TestContext, folder: string): Promise<{ npm: Program; curl: string; url: string }> {
  const npm = new Program(t, ['npm', 'start'], folder, userEnvironment({ TIDEGATE_HTTP_PORT: '0' }));
  const [, curl] = await npm.says(/^ *(curl .*)$/m);
  const [, url] = await npm.says(/^Open: +(http\S+)/m);
  await npm.says(/^Stop: /m);
  return { npm, curl, url };
}

// In order: each step is what a user does after the one before.
describe('from a fresh clone', { concurrency: 1 }, () => {
  let clone = '';
  let isServed = false;
  let tarball = '';
  const cleanups: (() => Promise<void> | void)[] = [];

  it('npm start installs, builds, makes the models, serves, and prints a line that works when pasted', async (t) => {
    clone = await freshClone({ after: (action) => cleanups.push(action) });
    const { npm, curl, url } = await startedByNpm(t, clone);
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
    assert.ok(isServed, 'it did not start');
    await succeed(t, ['npm', 'run', 'build'], clone);
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
    assert.notEqual(tarball, '', 'the package was not made');
    const folder = await temporaryFolder(t, 'user');
    await writeFile(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
    await succeed(t, ['npm', 'install', '--no-fund', '--ignore-scripts', tarball], folder);
    assert.match(await succeed(t, [...NPX, '--version'], folder), /^\d+\.\d+\.\d+/m);
    const up = new Program(t, [...NPX, 'up', '--port', '0'], folder, userEnvironment());
    const [, url] = await up.says(/^Open: +(http\S+)\/v2$/m);
    const script = `import { TidegateClient } from 'tidegate/client';
const client = new TidegateClient(process.argv[2]);
const { inputs } = await client.metadata('iris');
const data = [5.1, 3.5, 1.4, 0.2];
const result = await client.infer('iris', { [inputs[0].name]: { shape: [1, 4], datatype: 'FP32', data } });
console.log(Object.keys(result.outputs).length > 0 ? 'scored' : 'nothing');`;
    await writeFile(join(folder, 'score.js'), script);
    assert.match(await succeed(t, [process.execPath, 'score.js', url], folder), /scored/);
    up.signal('SIGINT');
    await up.ended;
    assert.equal(existsSync(join(folder, 'dist')), false);
  });

  it('nothing is left behind', async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    assert.equal(existsSync(clone), false);
  });
});
