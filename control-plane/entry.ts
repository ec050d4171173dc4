import { join } from 'node:path';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import type { Bus } from '../bus/connection.js';
import type { Log } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { FailureLimit } from './access/failure-limit.js';
import { isLoopback } from './access/own-page.js';
import { SharedTokens } from './access/shared-tokens.js';
import { EventHub } from './api/event-hub.js';
import { Operations } from './api/operations.js';
import type { Entry } from './app.js';
import { isOpenListener } from './listener.js';
import { openStateFolder } from './state-folder.js';

/** What stands before the routes of a running control plane. */
export interface OpenEntry extends Entry {
  /** From now on tokens are shared with the other control planes of this NATS. */
  share(bus: Bus): void;
  /** Ends what would keep a server from stopping: followers of events, and long work. */
  stop(): void;
  close(): Promise<void>;
}

/** Opens the folder that knows who may. Throws INVALID_CONFIG where nobody could come in, or somebody else has the folder. */
export async function openEntry(config: Config, log: Log): Promise<OpenEntry> {
  const state = openStateFolder(config.data_dir, Date.now);
  const { control_host, control_cert_file } = config;
  const isOpen = await isOpenListener(config, state.tokens, Date.now()).catch(async (error: unknown) => {
    await state.close();
    throw error;
  });
  if (isOpen) log.warn({ host: control_host }, 'no token is asked for: whoever is on this machine may do everything');
  else if (control_cert_file === '' && !isLoopback(control_host)) {
    log.warn({ host: control_host }, 'tokens travel unencrypted: name a certificate, or let a proxy speak TLS');
  }
  const tokens = new SharedTokens(state.tokens, log);
  const access = {
    tokens,
    limit: new FailureLimit(),
    environment: config.environment,
    isOpen,
    now_ms: Date.now,
    addressOf: (context: Context) => getConnInfo(context).remote.address ?? 'unknown',
    onUnnoted: (error: unknown) => log.warn({ error }, 'the use of a token could not be noted'),
  };
  const events = new EventHub();
  const operations = new Operations(
    join(state.directory, 'operations.jsonl'),
    Date.now,
    ({ result: _, ...shown }) => events.publish(`operation.${shown.state}`, Date.now(), shown),
    (error) => log.error({ error }, 'an operation failed'),
  );
  const { audit, key: cursorKey, idempotency } = state;
  return {
    access,
    audit,
    cursorKey,
    idempotency,
    events,
    operations,
    share: (bus) => tokens.share(bus),
    stop: () => {
      events.close();
      operations.stop();
    },
    close: async () => {
      await tokens.stop();
      await operations.close();
      await state.close();
    },
  };
}
