import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CheckoutCopy, type Ended } from './checkout-copy.js';

let copy: CheckoutCopy;

beforeEach(async () => {
  copy = await CheckoutCopy.create();
});

afterEach(() => copy.remove());

function assertDone(ended: Ended): void {
  assert.equal(ended.code, 0, `${ended.stdout}\n${ended.stderr}`);
}

function assertFailure(ended: Ended, step: string, cause: RegExp, remedy: RegExp): void {
  assert.equal(ended.code, 1, ended.stdout);
  assert.match(ended.stderr, new RegExp(`step: +${step}`));
  assert.match(ended.stderr, cause);
  assert.match(ended.stderr.slice(ended.stderr.indexOf('remedy:')), remedy);
}

const text = (path: string): Promise<string> => readFile(copy.path(path), 'utf8');

describe('what is missing is made, and nothing else', () => {
  test('a fresh checkout is built with its demo models; the second time there is nothing to do or to say', async () => {
    assertDone(await copy.setUp('start'));
    assert.ok(existsSync(copy.path('dist/contract/limits.js')));
    assert.equal(await text('.tidegate/models/demo/1/model.onnx'), 'first');
    assert.deepEqual(await copy.setUp('start'), { code: 0, stdout: '', stderr: '' });
    assert.equal(await text('made.log'), 'first\n');
  });

  test('tests need no demo models, a build for a package has them', async () => {
    assertDone(await copy.setUp('test'));
    assert.equal(existsSync(copy.path('dist/demo')), false);
    assertDone(await copy.setUp('build'));
    assert.ok(existsSync(copy.path('dist/demo/models/demo/model.yaml')));
    assert.equal(existsSync(copy.path('.tidegate')), false);
  });

  test('a changed source is built, a deleted one leaves nothing behind, a deleted output comes back', async () => {
    assertDone(await copy.setUp('build'));
    await copy.write('contract/limits.ts', 'export const LIMIT: number = 2;\n');
    await rm(copy.path('contract/old.ts'));
    assertDone(await copy.setUp('build'));
    assert.match(await text('dist/contract/limits.js'), /LIMIT = 2/);
    for (const gone of ['old.js', 'old.d.ts', 'old.js.map']) {
      assert.equal(existsSync(copy.path(`dist/contract/${gone}`)), false);
    }
    await rm(copy.path('dist/contract/limits.js'));
    assertDone(await copy.setUp('build'));
    assert.match(await text('dist/contract/limits.js'), /LIMIT = 2/);
    assert.equal(await text('made.log'), 'first\n', 'the demo models depend on none of this');
  });

  test('a script that the demo models come from makes them anew; what a user changed by hand stays', async () => {
    assertDone(await copy.setUp('start'));
    await copy.write('examples/model.ts', `export const MODEL: string = 'second';\n`);
    await copy.write('.tidegate/models/demo/model.yaml', 'description: mine\n');
    const ended = await copy.setUp('start');
    assertDone(ended);
    assert.equal(await text('.tidegate/models/demo/1/model.onnx'), 'second');
    assert.equal(await text('.tidegate/models/demo/model.yaml'), 'description: mine\n');
    assert.match(ended.stdout, /model\.yaml was changed by hand and stays/);
    assert.equal((await copy.setUp('start')).stdout, '');
  });

  test('the models go where TIDEGATE_DATA_DIR says, and come back when deleted', async () => {
    const env = { TIDEGATE_DATA_DIR: copy.path('elsewhere') };
    assertDone(await copy.setUp('start', env));
    await rm(copy.path('elsewhere/models/demo/1/model.onnx'));
    assertDone(await copy.setUp('start', env));
    assert.equal(await text('elsewhere/models/demo/1/model.onnx'), 'first');
    assert.equal(existsSync(copy.path('.tidegate')), false);
  });

  test('a packed package, with outputs and no sources, only gets its models placed', async () => {
    assertDone(await copy.setUp('build'));
    for (const source of ['tsconfig.json', 'package-lock.json', 'contract', 'examples', 'node_modules']) {
      await rm(copy.path(source), { recursive: true });
    }
    assertDone(await copy.setUp('start'));
    assert.equal(await text('.tidegate/models/demo/1/model.onnx'), 'first');
  });

  test('where only the tools for building are not installed and all is built, nothing is installed', async () => {
    const tool = { 'node_modules/tool': { version: '1.0.0', dev: true } };
    await copy.lock(tool);
    await copy.installed(tool);
    await copy.write('node_modules/tool/package.json', '{}');
    assertDone(await copy.setUp('build'));
    await copy.installed({});
    await rm(copy.path('node_modules/tool'), { recursive: true });
    assert.deepEqual(await copy.setUp('build'), { code: 0, stdout: '', stderr: '' });
  });
});

describe('dependencies', () => {
  const STATUS = `import { dependencyStatus } from './deploy/setup/dependencies.mjs';
console.log(JSON.stringify(dependencyStatus(process.cwd())));`;
  const stale = async (): Promise<boolean> => /"stale":true/.test((await copy.evaluate(STATUS)).stdout);

  test('another version, a missing folder and a missing package are noticed; optional packages of other systems are not', async () => {
    const leaf = { version: '1.0.0', integrity: 'sha512-x' };
    await copy.lock({ 'node_modules/leaf': leaf, 'node_modules/other': { version: '1.0.0', optional: true } });
    assert.equal(await stale(), true);
    await copy.installed({ 'node_modules/leaf': leaf });
    assert.equal(await stale(), true);
    await copy.write('node_modules/leaf/package.json', '{}');
    assert.equal(await stale(), false);
    await copy.installed({ 'node_modules/leaf': { ...leaf, version: '1.0.1' } });
    assert.equal(await stale(), true);
  });

  test('npm itself installs what the lock file says', async () => {
    await copy.write('leaf/package.json', '{ "name": "leaf", "version": "1.0.0" }');
    const dependencies = { leaf: 'file:leaf' };
    await copy.write('package.json', JSON.stringify({ name: 'copy', version: '1.0.0', dependencies }));
    await copy.lock({
      '': { name: 'copy', version: '1.0.0', dependencies },
      leaf: { version: '1.0.0' },
      'node_modules/leaf': { resolved: 'leaf', link: true },
    });
    const install = `import { installDependencies } from './deploy/setup/dependencies.mjs';
await installDependencies(process.cwd(), 'a test', () => undefined);`;
    assertDone(await copy.evaluate(install));
    assert.equal(await text('node_modules/leaf/package.json'), '{ "name": "leaf", "version": "1.0.0" }');
    assert.equal(await stale(), false);
  });
});

describe('failures name the step, the cause and the remedy', () => {
  test('an unknown task', async () => {
    assertFailure(await copy.setUp('stat'), 'arguments', /'stat' is no task/, /start\|test\|build/);
  });

  test('a Node that is too old', async () => {
    const piece = `import { checkNode, whatWentWrong } from './deploy/setup/failure.mjs';
try { checkNode('18.20.1'); } catch (thrown) { process.stderr.write(whatWentWrong(thrown)); process.exitCode = 1; }`;
    assertFailure(
      await copy.evaluate(piece),
      'Node version',
      /Node 18\.20\.1, and Tidegate needs 20/,
      /install Node 20/,
    );
  });

  test('a type error', async () => {
    await copy.write('contract/limits.ts', `export const LIMIT: number = 'one';\n`);
    assertFailure(await copy.setUp('build'), 'build', /contract\/limits\.ts.*TS2322/s, /correct the sources/);
  });

  test('a lock file that does not fit package.json', async () => {
    const wrong = { name: 'copy', version: '1.0.0', dependencies: { leaf: 'file:leaf' } };
    await copy.write('package.json', JSON.stringify(wrong));
    await copy.lock({ 'node_modules/gone': { version: '1.0.0' } });
    assertFailure(await copy.setUp('build'), 'install', /npm error code EUSAGE/, /run npm install/);
  });

  test('no lock file', async () => {
    await rm(copy.path('package-lock.json'));
    assertFailure(await copy.setUp('build'), 'install', /package-lock\.json is missing/, /git checkout/);
  });

  test('a demo script that fails, after which nothing half-made is left', async () => {
    await copy.write('examples/demo.ts', `throw new Error('no data today');\n`);
    assertFailure(await copy.setUp('build'), 'demo models', /no data today/, /delete node_modules/);
    assert.equal(existsSync(copy.path('dist/demo')), false);
    assert.equal(existsSync(copy.path('dist/.setup.lock')), false);
  });
});

describe('two set-ups at once', () => {
  test('one works, the other waits, both end well', async () => {
    const both = await Promise.all([copy.setUp('start'), copy.setUp('start')]);
    for (const ended of both) assertDone(ended);
    assert.equal(await text('made.log'), 'first\n');
  });

  test('the lock of a set-up that died is broken', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await copy.write('dist/.setup.lock', String(child.pid));
    assertDone(await copy.setUp('test'));
    assert.equal(existsSync(copy.path('dist/.setup.lock')), false);
  });
});
