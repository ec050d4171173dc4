import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Artifacts } from '../../../bus/artifacts.js';
import { type Bus, type BusSettings, connectBus } from '../../../bus/connection.js';
import { declareAll } from '../../../bus/declare.js';
import { TidegateError } from '../../../contract/error.js';
import type { Log } from '../../../std/log.js';
import { Environments } from '../../registry/environments.js';
import { Registry } from '../../registry/registry.js';
import { Validator } from '../../registry/validator.js';
import { DesiredStore } from './desired-store.js';
import { type FleetChange, FleetView } from './fleet-view.js';
import { Leader } from './leader.js';
import { LeaseHolder } from './lease-holder.js';

const RETRY_MS = 1000;

export interface OpenFleet {
  readonly bus: Bus;
  readonly view: FleetView;
  readonly lease: LeaseHolder;
  readonly leader: Leader;
  readonly desired: DesiredStore;
  readonly registry: Registry;
  readonly artifacts: Artifacts;
  readonly validator: Validator;
  readonly environments: Environments;
}

/** Who wants to know of it. */
export interface FleetFollowers {
  /** Told of every change in the fleet, whoever made it. */
  readonly heard?: (change: FleetChange) => void;
  /** Told once, when NATS is there and everything is declared. */
  readonly opened?: (bus: Bus) => void;
}

/** A control plane's part in its fleet. NATS may come later than the control plane: until it is there, whoever asks is told so. */
export class Fleet {
  readonly #settings: BusSettings;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  readonly #followers: FleetFollowers;
  readonly #opening: Promise<void>;
  #open: OpenFleet | undefined;

  constructor(settings: BusSettings, log: Log, followers: FleetFollowers = {}) {
    this.#settings = settings;
    this.#log = log;
    this.#followers = followers;
    this.#opening = settings.nats_url === '' ? Promise.resolve() : this.#connect();
  }

  /** Throws BUS_UNAVAILABLE while NATS is not there, UNSUPPORTED where none is named. */
  get open(): OpenFleet {
    if (this.#open !== undefined) return this.#open;
    if (this.#settings.nats_url === '') {
      throw new TidegateError(
        'UNSUPPORTED',
        'this control plane has no NATS, so it has no fleet and no registry: name one with NATS_URL, or run tidegate up',
      );
    }
    throw new TidegateError('BUS_UNAVAILABLE', `NATS at ${this.#settings.nats_url} is not there yet: try again`);
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#opening;
    const { open } = { open: this.#open };
    if (open === undefined) return;
    open.validator.close();
    await open.leader.close();
    await open.lease.close();
    await open.view.close();
    await open.bus.connection.close();
  }

  async #connect(): Promise<void> {
    const { signal } = this.#stopped;
    let said = '';
    while (!signal.aborted && this.#open === undefined) {
      try {
        this.#open = await this.#opened();
        this.#log.info({ nats: this.#settings.nats_url }, 'the fleet is there');
        return;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== said) this.#log.warn({ error }, 'the fleet is not there: trying again');
        said = why;
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #declareAgain(bus: Bus): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && bus.isConnected) {
      try {
        await declareAll(bus);
        return;
      } catch (error) {
        this.#log.warn({ error }, 'what the fleet needs of NATS could not be declared: trying again');
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #opened(): Promise<OpenFleet> {
    const bus = await connectBus(this.#settings, this.#log, 'control');
    try {
      await declareAll(bus);
      // What is kept in memory there is gone with the server, and some of it may be one that was never declared on.
      bus.onReturn(() => void this.#declareAgain(bus));
      const view = await FleetView.start(bus, this.#log, Date.now);
      const { heard, opened } = this.#followers;
      if (heard !== undefined) view.listen(heard);
      opened?.(bus);
      // New at each start: a process that comes back must not take its own old lease for one that it still holds.
      const lease = new LeaseHolder(bus, `${this.#settings.node_name}/${randomUUID()}`, this.#log);
      const leader = new Leader({ bus, view, lease, log: this.#log, now_ms: Date.now });
      return {
        bus,
        view,
        lease,
        leader,
        desired: new DesiredStore(bus),
        registry: new Registry(bus),
        artifacts: new Artifacts(bus),
        validator: new Validator(),
        environments: new Environments(bus),
      };
    } catch (error) {
      await bus.connection.close();
      throw error;
    }
  }
}
