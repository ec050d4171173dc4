import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { Monitor } from '../../contract/monitor.js';
import { nearestName } from '../../std/nearest-name.js';
import { type AlertEvent, alertStep, isSilenced } from './alert-machine.js';
import { type MonitorHead, MonitorLedger, type NewEntry } from './monitor-ledger.js';
import { type Evidenced, Readings } from './reading.js';
import { judgeReading } from './rule.js';

/** Somebody else wrote an entry in between: what they wrote is read, and then it is tried again. */
const TRIES = 20;

/** Looks at what monitors watch, and keeps what it saw. */
export class Monitors {
  /** As the files have them now. */
  monitors: readonly Monitor[] = [];
  readonly ledger: MonitorLedger;
  readonly #readings: Readings;
  readonly #now_ms: () => number;

  constructor(client: ClickHouseClient, database: string, now_ms: () => number) {
    this.ledger = new MonitorLedger(client, database);
    this.#readings = new Readings(client, database);
    this.#now_ms = now_ms;
  }

  /** Throws NOT_FOUND that names the nearest one. */
  find(name: string): Monitor {
    const found = this.monitors.find(({ metadata }) => metadata.name === name);
    if (found !== undefined) return found;
    const names = this.monitors.map(({ metadata }) => metadata.name);
    const nearest = nearestName(name, names);
    const hint = nearest === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean '${nearest}'?`;
    throw new TidegateError('NOT_FOUND', `there is no monitor '${name}': ${hint}`);
  }

  /** Evaluates each monitor whose time has come; of slots that were missed only the last one. Returns how many it was. */
  async evaluateDue(): Promise<number> {
    let evaluated = 0;
    for (const monitor of this.monitors) {
      const slot_ms = slotOf(monitor, this.#now_ms());
      const head = await this.ledger.head(monitor.metadata.name);
      if (head.slot_ms >= slot_ms) continue;
      await this.#evaluate(monitor, head, slot_ms);
      evaluated++;
    }
    return evaluated;
  }

  /** What somebody does with an alert. */
  async act(name: string, event: Exclude<AlertEvent, { kind: 'evaluated' }>): Promise<void> {
    const monitor = this.find(name);
    for (let turn = 0; turn < TRIES; turn++) {
      const head = await this.ledger.head(name);
      if (event.kind === 'acknowledged' && head.state.status !== 'firing') {
        throw new TidegateError('INVALID_REQUEST', `monitor '${name}' does not fire: there is nothing to acknowledge`);
      }
      const at_ms = this.#now_ms();
      const { state } = alertStep(head.state, event, at_ms, monitor.spec);
      const said = { kind: event.kind, verdict: '', value: undefined, samples: 0, change: undefined, evidence: '{}' };
      const entry = { ...this.#common(monitor, at_ms), ...said, slot_ms: head.slot_ms, actor: event.by, state };
      if (await this.ledger.append(name, head.n + 1, entry)) return;
    }
    throw new TidegateError('INTERNAL', `monitor '${name}' changed again and again: try again`);
  }

  async #evaluate(monitor: Monitor, head: MonitorHead, slot_ms: number): Promise<void> {
    const { spec, metadata } = monitor;
    const seen = await this.#read(monitor, slot_ms - spec.delay);
    const at_ms = this.#now_ms();
    const { state, change } = alertStep(head.state, { kind: 'evaluated', verdict: seen.verdict }, at_ms, spec);
    const entry: NewEntry = {
      ...this.#common(monitor, at_ms),
      kind: 'evaluated',
      slot_ms,
      ...seen,
      change,
      // A resolution is told to those who were told that it fired.
      is_muted: isSilenced(state, at_ms),
      actor: '',
      state,
    };
    // Another process may have looked at the same slot: then its entry counts.
    await this.ledger.append(metadata.name, head.n + 1, entry);
  }

  async #read(
    { spec }: Monitor,
    end_ms: number,
  ): Promise<
    Pick<NewEntry, 'value' | 'samples' | 'evidence'> & { readonly verdict: ReturnType<typeof judgeReading> | 'error' }
  > {
    let reading: Evidenced;
    try {
      reading = await this.#readings.read(spec, end_ms);
    } catch (error) {
      const { code, message } = asTidegateError(error);
      return { verdict: 'error', value: undefined, samples: 0, evidence: JSON.stringify({ code, message }) };
    }
    const { value, samples, reason, evidence } = reading;
    const told = JSON.stringify(reason === undefined ? evidence : { ...evidence, reason });
    return { verdict: judgeReading(reading, spec), value, samples, evidence: told };
  }

  #common({ spec, metadata }: Monitor, at_ms: number) {
    return { at_ms, is_muted: false, model: spec.model, severity: spec.severity, labels: metadata.labels };
  }
}

/** Slots are the same for everybody who looks. */
export function slotOf({ spec }: Monitor, now_ms: number): number {
  return Math.floor(now_ms / spec.every) * spec.every;
}
