import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { tidegate } from '../cli/command.js';
import { until } from '../harness/ask.js';
import { testCertificate } from '../harness/certificate.js';
import { BUILT } from '../harness/checkout.js';

/** Nothing listens there: who may is decided before a store is asked. */
const NO_STORE = 'http://127.0.0.1:9';
const LISTENING = /listening on (https?:\/\/[^"\s]+:\d+)/;
const MadeSchema = z.object({ id: z.string(), token: z.string() });
const ProblemSchema = z.object({ code: z.string(), detail: z.string() });

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-access-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Control {
  readonly url: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  stop(): Promise<void>;
}

async function control(t: TestContext, directory: string, args: readonly string[] = []): Promise<Control> {
  const own = ['control-plane', '--control-port', '0', '--data-dir', directory, '--log-format', 'json'];
  const child = spawn(process.execPath, [join(BUILT, 'cli', 'main.js'), ...own, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CLICKHOUSE_URL: NO_STORE },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  };
  t.after(stop);
  await until('the control plane listens', () => {
    if (child.exitCode !== null) throw new Error(`it ended:\n${text}`);
    return LISTENING.test(text);
  });
  return { url: LISTENING.exec(text)?.[1] ?? '', child, output: () => text, stop };
}

async function made(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await tidegate(['token', 'create', '--json', ...args], { env });
  assert.equal(code, 0, stderr);
  return MadeSchema.parse(JSON.parse(stdout));
}

async function refused(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, init);
  return { status: answer.status, headers: answer.headers, ...ProblemSchema.parse(await answer.json()) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('on loopback no token is asked for, the start says so, and pages of other sites are refused', async (t) => {
  const { url, output } = await control(t, folder(t));
  assert.match(output(), /no token is asked for/);
  assert.equal((await fetch(`${url}/v1/tokens`)).status, 200);
  const foreign = await refused(`${url}/v1/tokens`, { headers: { origin: 'https://evil.example' } });
  assert.deepEqual([foreign.status, foreign.code], [403, 'FORBIDDEN']);
  const wrong = await refused(`${url}/v1/tokens`, { headers: bearer('tg_000000000000_x') });
  assert.deepEqual([wrong.status, wrong.headers.get('www-authenticate')], [401, 'Bearer realm="tidegate"']);
  assert.equal((await fetch(`${url}/v1/health/live`)).status, 200);
});

test('where others reach it, a server without a token refuses to start and says how to make one', async (t) => {
  const directory = folder(t);
  const args = ['control-plane', '--control-port', '0', '--control-host', '0.0.0.0', '--data-dir', directory];
  const env = { CLICKHOUSE_URL: NO_STORE };
  const { code, stderr } = await tidegate(args, { env });
  assert.equal(code, 2);
  assert.match(stderr, /other machines reach 0\.0\.0\.0, and there is no token of an admin.*tidegate token create/);
  await made(['--name', 'screen', '--role', 'viewer', '--data-dir', directory]);
  assert.equal((await tidegate(args, { env })).code, 2, 'a viewer cannot let anybody else in');
});

test('roles, revocation and the limit of failures, as callers meet them; all of it is in the audit log', async (t) => {
  const directory = folder(t);
  const admin = await made(['--name', 'ada', '--role', 'admin', '--data-dir', directory]);
  const { url, stop } = await control(t, directory, ['--control-tokens', 'required']);
  const missing = await refused(`${url}/v1/audit`);
  assert.deepEqual([missing.status, missing.code], [401, 'UNAUTHENTICATED']);
  const env = { TIDEGATE_TOKEN: admin.token, TIDEGATE_CONTROL_URL: url };
  const viewer = await made(['--name', 'screen', '--role', 'viewer', '--expires', '1h'], env);
  const low = await refused(`${url}/v1/tokens`, { headers: bearer(viewer.token) });
  assert.equal(low.status, 403);
  assert.match(low.detail, /takes the role admin, and 'screen' is viewer/);
  const busy = await tidegate(['token', 'list', '--data-dir', directory]);
  assert.equal(busy.code, 2);
  assert.match(busy.stderr, /the control plane of process \d+ has/);
  assert.equal((await tidegate(['token', 'revoke', viewer.id], { env })).code, 0);
  const watched = await tidegate(['alerts', 'list'], { env });
  assert.doesNotMatch(watched.stderr, /UNAUTHENTICATED/, 'every command that asks the control plane says who asks');
  const unknown = await tidegate(['alerts', 'list'], { env: { TIDEGATE_CONTROL_URL: url } });
  assert.deepEqual([unknown.code, /UNAUTHENTICATED/.test(unknown.stderr)], [3, true]);
  const gone = await refused(`${url}/v1/labels`, { headers: bearer(viewer.token) });
  assert.match(gone.detail, /was revoked at/);
  const codes: string[] = [];
  for (let n = 0; n < 12; n++) codes.push((await refused(`${url}/v1/labels`)).code);
  assert.equal(codes.at(-1), 'TOO_MANY_FAILURES');
  const listed = await tidegate(['token', 'list'], { env });
  assert.equal(listed.code, 0, 'a good token is not held up');
  assert.match(listed.stdout, /screen +viewer +all +revoked/);
  const told = await tidegate(['audit', 'list', '--limit', '100'], { env });
  assert.match(told.stdout, /ada .*POST \/v1\/tokens/);
  assert.match(told.stdout, /screen .*GET \/v1\/tokens refused: FORBIDDEN/);
  assert.match(told.stdout, /local .*make the token/);
  await stop();
  const whole = await tidegate(['audit', 'verify', '--data-dir', directory]);
  assert.match(whole.stdout, /entries, none changed/);
  const path = join(directory, 'control', 'audit.jsonl');
  // One byte a character, so that places in the text are places in the file.
  const text = readFileSync(path, 'latin1');
  assert.equal(text.match(/"kind":"refused"/g)?.length, 10, 'what is beyond the limit does not fill the disk');
  assert.ok(!text.includes(admin.token.slice(16)));
  truncateSync(path, text.trimEnd().lastIndexOf('\n') + 1);
  const cut = await tidegate(['audit', 'verify', '--data-dir', directory]);
  assert.deepEqual([cut.code, /the last 1 are gone/.test(cut.stderr)], [1, true], cut.stderr);
  const again = await tidegate(['token', 'list', '--data-dir', directory]);
  assert.match(again.stderr, /audit log .* was damaged/);
  appendFileSync(path, text.slice(text.trimEnd().lastIndexOf('\n') + 1), 'latin1');
  assert.equal((await tidegate(['audit', 'verify', '--data-dir', directory])).code, 0);
});

test('with a certificate it speaks TLS, and a pair that does not fit is refused by name', async (t) => {
  const directory = folder(t);
  const { cert_file: cert, key_file: key, other_key_file: other } = testCertificate(t);
  const { url } = await control(t, directory, ['--control-cert-file', cert, '--control-key-file', key]);
  assert.match(url, /^https:/);
  const status = await new Promise((resolve, reject) => {
    const asked = request(`${url}/v1/health/live`, { ca: readFileSync(cert) }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
  assert.equal(status, 200);
  const wrong = ['--control-cert-file', cert, '--control-key-file', other, '--data-dir', folder(t)];
  const { code, stderr } = await tidegate(['control-plane', ...wrong], { env: { CLICKHOUSE_URL: NO_STORE } });
  assert.equal(code, 2);
  assert.match(stderr, /cert\.pem and .*other\.pem cannot be used for TLS/);
});
