import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../../../clickhouse/connection.js';
import { FailureLimit } from '../../../control-plane/access/failure-limit.js';
import type { Role } from '../../../control-plane/access/role.js';
import { makeToken } from '../../../control-plane/access/token.js';
import { EventHub } from '../../../control-plane/api/event-hub.js';
import { Operations } from '../../../control-plane/api/operations.js';
import { createApp } from '../../../control-plane/app.js';
import { Fleet } from '../../../control-plane/fleet/live/fleet.js';
import { openStateFolder, type StateFolder } from '../../../control-plane/state-folder.js';
import { createLog } from '../../../std/log.js';
import { ConfigSchema } from '../../../std/settings.js';

export const log = createLog({ level: 'fatal', format: 'json', service: 'test', node: 'test' });

export interface RigOptions {
  readonly now_ms?: () => number;
  /** Whether requests without a token are answered. */
  readonly isOpen?: boolean;
  /** Of a store; without it nothing answers. */
  readonly client?: ClickHouseClient;
}

function nowhere(): ClickHouseClient {
  return connect({ ...CLICKHOUSE_DEFAULTS, url: 'http://127.0.0.1:9', application: 'test' });
}

/** The whole app of a control plane, without a listener and without a store that answers. */
export interface AppRig {
  readonly app: Hono;
  readonly state: StateFolder;
  readonly events: EventHub;
  readonly operations: Operations;
  /** The headers of somebody with this role. */
  as(role: Role): Promise<{ readonly authorization: string }>;
}

export function appRig(
  t: TestContext,
  { now_ms = Date.now, isOpen = true, client = nowhere() }: RigOptions = {},
): AppRig {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-app-'));
  const state = openStateFolder(directory, now_ms);
  t.after(async () => {
    await client.close();
    await operations.close();
    await state.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const access = {
    tokens: state.tokens,
    limit: new FailureLimit(),
    environment: 'prod',
    isOpen,
    now_ms,
    addressOf: () => '192.0.2.1',
    onUnnoted: (error: unknown) => {
      throw error;
    },
  };
  const events = new EventHub();
  const operations = new Operations(join(directory, 'operations.jsonl'), now_ms, ({ id, state }) =>
    events.publish('operation', now_ms(), { id, state }),
  );
  const app = createApp({
    entry: { access, audit: state.audit, cursorKey: state.key, idempotency: state.idempotency, events, operations },
    version: '1.2.3',
    fleet: new Fleet(ConfigSchema.parse({ data_dir: directory }), log),
    client,
    database: 'tidegate',
    log,
    now_ms,
  });
  return {
    app,
    operations,
    events,
    state,
    as: async (role) => {
      const { record, text } = makeToken({
        name: `a ${role}`,
        role,
        environments: [],
        created_by: 'test',
        expires_ms: undefined,
        now_ms: now_ms(),
      });
      await state.tokens.add(record);
      return { authorization: `Bearer ${text}` };
    },
  };
}
