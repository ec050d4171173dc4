import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, type BusLog, type BusSettings, connectBus } from '../../bus/connection.js';
import { keyOf } from '../../bus/declarations.js';
import { type FollowedEntry, follow } from '../../bus/follow.js';
import { DesiredStateSchema } from '../../contract/desired-state.js';
import { readPayload } from '../../contract/payload.js';
import type { NodeAgent } from './node-agent.js';

const HEARTBEAT_MS = 2000;
/** Reports of one moment are one report. */
const GATHER_MS = 15;
const RETRY_MS = 1000;

export interface MembershipOptions {
  readonly settings: BusSettings;
  readonly agent: NodeAgent;
  readonly log: BusLog;
  /** The connection that artefacts come over, as soon as there is one. */
  readonly connected: (bus: Bus) => void;
  /** Before each report that comes by itself. */
  readonly beat?: () => void;
}

/**
 * What makes a node one of a fleet: it hears what it should serve and says what it does. Nothing waits for it: a node whose NATS is away goes on
 * with what it knew, and says so; when it is back, the whole of what is desired is heard again, so nothing that was missed matters.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #stopped = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  #bus: Bus | undefined;
  #gathering: NodeJS.Timeout | undefined;
  readonly #running: Promise<void>;
  /** Payloads that this program does not understand. */
  refused = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => {
      options.beat?.();
      this.#report();
    }, HEARTBEAT_MS);
    this.#running = this.#run();
  }

  get isConnected(): boolean {
    return this.#bus?.isConnected ?? false;
  }

  /** Something of what this node says of itself has changed. */
  changed(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#report();
    }, GATHER_MS);
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#gathering);
    await this.#bus?.connection.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { settings, log } = this.#options;
    const { signal } = this.#stopped;
    log.info(
      { nats: settings.nats_url },
      'this node joins its fleet when NATS is there; until then it serves what it knew last',
    );
    const bus = await this.#connected(signal);
    if (bus === undefined) return;
    this.#options.connected(bus);
    const following = {
      heard: (entry: FollowedEntry) => this.#heard(entry),
      caughtUp: () => this.changed(),
      failed: (error: unknown) => {
        // A control plane that starts beside this node declares everything a moment later.
        if (error instanceof Error && error.name === 'StreamNotFoundError')
          log.info({}, 'no control plane has set this fleet up yet: waiting');
        else log.warn({ error }, 'what this node should serve cannot be heard: trying again');
      },
    };
    await follow(bus, 'desired', following, signal);
  }

  /** Tries until there is one; undefined: this node stops. */
  async #connected(signal: AbortSignal): Promise<Bus | undefined> {
    const { settings, log } = this.#options;
    let said = '';
    while (!signal.aborted) {
      try {
        this.#bus = await connectBus(settings, log, 'node');
        return this.#bus;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== said) log.warn({ error }, 'this node is without its fleet: trying again until NATS is there');
        said = why;
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  #heard({ name, text, revision }: FollowedEntry): void {
    const { agent, log } = this.#options;
    // A state that was deleted is no order: what is to end has a state without versions.
    if (text === undefined) return;
    try {
      agent.hear(name, readPayload(`the desired state of ${name}`, DesiredStateSchema, text));
    } catch (error) {
      this.refused++;
      log.error({ error, model: name, revision }, 'a desired state was not understood: it changes nothing here');
    }
  }

  #report(): void {
    const bus = this.#bus;
    if (bus === undefined || !bus.isConnected || this.#stopped.signal.aborted) return;
    const { agent, log } = this.#options;
    const status = agent.status(Date.now() * 1000);
    void bus
      .bucket('nodes')
      .then((nodes) => nodes.put(keyOf(bus.environment, status.node), JSON.stringify(status)))
      .catch((error: unknown) => {
        // The next heartbeat says it all again.
        if (!this.#stopped.signal.aborted) log.debug({ error }, 'a report was lost');
      });
  }
}
