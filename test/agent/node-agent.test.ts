import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DesiredState, DesiredStateSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { NodeStatusSchema } from '../../contract/node-status.js';
import { NodeAgent } from '../../runtime/agent/node-agent.js';
import type { AgentPorts, VersionBytes } from '../../runtime/agent/ports.js';

const digestOf = (bytes: string | Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const content = (version: number): string => `weights of version ${version}`;

/** A node with real files: versions lie in a folder of the fleet, and are copied into its own. */
class Site {
  readonly directory: string;
  readonly lines: string[] = [];
  readonly memory = new Set<string>();
  serving: readonly number[] = [];
  agent: NodeAgent | undefined;
  now_ms = 0;
  #life = 0;
  #look: () => void = () => undefined;

  static async open(t: TestContext): Promise<Site> {
    const site = new Site(await mkdtemp(join(tmpdir(), 'tidegate-agent-')));
    t.after(async () => {
      await site.stop();
      await rm(site.directory, { recursive: true });
    });
    await site.start();
    return site;
  }

  constructor(directory: string) {
    this.directory = directory;
  }

  get kept(): string {
    return join(this.directory, 'agent');
  }

  async start(): Promise<NodeAgent> {
    this.agent = await NodeAgent.start({
      name: 'edge-1',
      labels: { ring: 'canary' },
      directory: this.kept,
      memory_bytes: 1_000,
      life: this.#life++,
      tick_ms: 5,
      ports: this.#ports(),
    });
    return this.agent;
  }

  async stop(): Promise<void> {
    await this.agent?.close();
    this.memory.clear();
    this.serving = [];
  }

  async publish(version: number, text = content(version)): Promise<void> {
    await writeFile(join(this.directory, digestOf(content(version)).slice(7)), text);
  }

  status() {
    const status = this.agent?.status(1);
    assert.ok(status !== undefined);
    return NodeStatusSchema.parse(status).models['iris'];
  }

  /** Resolves when it is so; the test's own time limit is the only one. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  #ports(): AgentPorts {
    const here = ({ digest }: VersionBytes): string => join(this.directory, `here-${digest.slice(7)}`);
    const log = (_fields: object, text: string): void => {
      this.lines.push(text);
    };
    return {
      artefacts: {
        fetch: (bytes) => copyFile(join(this.directory, bytes.digest.slice(7)), here(bytes)),
        verify: async (bytes) => {
          const found = digestOf(await readFile(here(bytes)));
          if (found !== bytes.digest) throw new TidegateError('MODEL_LOAD_FAILED', `its digest is ${found}`);
        },
      },
      engine: {
        load: async ({ digest }) => {
          this.memory.add(digest);
          return { memory_bytes: 7 };
        },
        warm: async () => undefined,
        switchTo: (_model, table) => {
          this.serving = table.map(({ version }) => version);
          assert.ok(table.every(({ digest }) => this.memory.has(digest)));
        },
        drain: async () => undefined,
        unload: async ({ digest }) => {
          this.memory.delete(digest);
        },
      },
      report: () => this.#look(),
      now_ms: () => {
        this.#look();
        this.now_ms += 100;
        return this.now_ms;
      },
      log: { info: log, error: log },
    };
  }
}

function desired(epoch: number, version: number, ring = 'canary'): DesiredState {
  const versions = [{ version, digest: digestOf(content(version)), weight: 1, role: 'champion' }];
  return DesiredStateSchema.parse({ v: 1, epoch, placements: [{ selector: { labels: { ring } }, versions }] });
}

test('a node serves what is desired, and after a restart with nobody to ask what it knew last', async (t) => {
  const site = await Site.open(t);
  for (const version of [1, 2]) await site.publish(version);
  site.agent?.hear('iris', desired(4, 1));
  await site.until(() => site.serving[0] === 1);
  site.agent?.hear('iris', desired(5, 2));
  await site.until(() => site.serving[0] === 2);
  // The file follows the switch: an earlier end would only mean that it loads what it served before, too.
  await site.stop();
  const agent = await site.start();
  await site.until(() => site.serving[0] === 2);
  assert.ok(site.lines.some((line) => /epoch 5, from this node's disk/.test(line)));
  agent.hear('iris', desired(4, 1));
  assert.equal(site.status().epoch, 5);
  assert.deepEqual(site.serving, [2]);
});

test('a version whose bytes are wrong leaves the old one serving and says why, and serves when they are right', async (t) => {
  const site = await Site.open(t);
  await site.publish(1);
  await site.publish(2, 'something else');
  site.agent?.hear('iris', desired(1, 1));
  await site.until(() => site.serving[0] === 1);
  site.agent?.hear('iris', desired(2, 2));
  await site.until(() => site.status().versions.some(({ state }) => state === 'failed'));
  assert.match(site.status().versions.find(({ version }) => version === 2)?.reason ?? '', /its digest is sha256:/);
  assert.deepEqual(site.serving, [1]);
  await site.publish(2);
  await site.until(() => site.serving[0] === 2);
  assert.equal(site.status().versions.find(({ version }) => version === 2)?.failures, 0);
});

test('a disk that takes nothing is trouble that is told, and no epoch is acted on until it does', async (t) => {
  const site = await Site.open(t);
  await site.publish(1);
  await rename(site.kept, `${site.kept}-away`);
  site.agent?.hear('iris', desired(1, 1));
  await site.until(() => site.status()?.trouble !== null);
  assert.match(site.status().trouble ?? '', /cannot write its state to disk: ENOENT/);
  assert.deepEqual(site.serving, []);
  await rename(`${site.kept}-away`, site.kept);
  await site.until(() => site.serving[0] === 1);
  assert.equal(site.status().trouble, null);
});

test('kept state that cannot be read is told, and begins anew; what is not for this node is none of its business', async (t) => {
  const site = await Site.open(t);
  await site.stop();
  await writeFile(join(site.kept, 'iris.json'), '{"v":1,"epoch":');
  await writeFile(join(site.kept, 'newer.json'), '{"v":2}');
  const agent = await site.start();
  assert.ok(site.lines.some((line) => /model iris cannot be read/.test(line)));
  assert.ok(site.lines.some((line) => /model newer cannot be read/.test(line)));
  await site.publish(1);
  agent.hear('other', desired(1, 1, 'stable'));
  agent.hear('iris', desired(1, 1));
  await site.until(() => site.serving[0] === 1);
  assert.deepEqual(Object.keys(agent.status(1).models), ['iris']);
});

test('reports count up within a life and lives count up, and hold what the node has in memory', async (t) => {
  const site = await Site.open(t);
  await site.publish(1);
  site.agent?.hear('iris', desired(1, 1));
  await site.until(() => site.serving[0] === 1);
  const [first, second] = [site.agent?.status(1), site.agent?.status(2)];
  assert.deepEqual([first?.memory_used_bytes, first?.life], [7, 0]);
  assert.equal(second?.seq, (first?.seq ?? 0) + 1);
  await site.stop();
  assert.equal((await site.start()).status(3).life, 1);
});
