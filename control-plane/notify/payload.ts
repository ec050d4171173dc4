import { createHash, createHmac } from 'node:crypto';
import type { Webhook } from '../../contract/monitor.js';
import type { LedgerEntry } from '../monitor/monitor-ledger.js';

/** Slack's own names would not be red and yellow everywhere. */
const COLOURS: Readonly<Record<string, string>> = { critical: '#c0392b', warning: '#e6a700', info: '#2f6fb7' };
const GREEN = '#2e8b57';

/** What is sent for some changes of alerts, oldest first. */
export function payloadOf(
  route: string,
  { format }: Webhook,
  changes: readonly LedgerEntry[],
  control_url: string,
): unknown {
  switch (format) {
    case 'tidegate':
      return { v: 1, route, alerts: changes.map((change) => alertOf(change, control_url)) };
    case 'slack':
      return slack(changes, control_url);
    case 'alertmanager':
      return alertmanager(route, changes, control_url);
  }
}

/** One sentence for people. */
export function summaryOf({ monitor, model, change, value, verdict, samples }: LedgerEntry): string {
  const figure = value === null ? `no value (${verdict})` : `${Number(value.toPrecision(4))} of ${samples} rows`;
  return `${monitor} (${model}) ${change === 'fired' ? 'fires' : 'is resolved'}: ${figure}`;
}

function alertOf(entry: LedgerEntry, control_url: string): object {
  const { monitor, alert, change, at_ms, slot_ms, model, severity, labels, value, samples, verdict, evidence } = entry;
  return {
    monitor,
    alert,
    change,
    at: iso(at_ms),
    window_end: iso(slot_ms),
    model,
    severity,
    labels,
    verdict,
    value,
    samples,
    summary: summaryOf(entry),
    evidence: JSON.parse(evidence),
    url: monitorUrl(control_url, monitor),
  };
}

/** An incoming webhook of Slack: text for notifications, an attachment for each change. */
function slack(changes: readonly LedgerEntry[], control_url: string): object {
  return {
    text: changes.map(summaryOf).join('\n'),
    attachments: changes.map((entry) => ({
      color: entry.change === 'resolved' ? GREEN : (COLOURS[entry.severity] ?? GREEN),
      title: `${entry.severity}: ${entry.monitor}`,
      title_link: monitorUrl(control_url, entry.monitor),
      text: summaryOf(entry),
      ts: Math.floor(entry.at_ms / 1000),
    })),
  };
}

/** What Prometheus' Alertmanager sends to its webhook receivers, version 4. */
function alertmanager(receiver: string, changes: readonly LedgerEntry[], control_url: string): object {
  const alerts = changes.map((entry) => {
    const { monitor, model, severity, labels, change, at_ms, alert, state } = entry;
    const all = { alertname: monitor, model, severity, ...labels };
    return {
      status: change === 'fired' ? 'firing' : 'resolved',
      labels: all,
      annotations: { summary: summaryOf(entry) },
      startsAt: iso(change === 'fired' ? at_ms : state.since_ms),
      endsAt: change === 'resolved' ? iso(at_ms) : '0001-01-01T00:00:00Z',
      generatorURL: monitorUrl(control_url, monitor),
      fingerprint: createHash('sha256').update(`${monitor}:${alert}`).digest('hex').slice(0, 16),
    };
  });
  return {
    version: '4',
    groupKey: `{}:{receiver="${receiver}"}`,
    truncatedAlerts: 0,
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    receiver,
    groupLabels: {},
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL: control_url,
    alerts,
  };
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}] = all;
  return Object.fromEntries(Object.entries(first).filter(([key, value]) => all.every((each) => each[key] === value)));
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA-256 over the seconds, a dot, and the body. The receiver refuses what is old or signed otherwise. */
export function signature(secret: string, body: string, at_ms: number): string {
  const seconds = Math.floor(at_ms / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

export function monitorUrl(control_url: string, monitor: string): string {
  return `${control_url}/v1/monitors/${encodeURIComponent(monitor)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
