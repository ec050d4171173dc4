import type { Histogram } from './histogram.js';

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

/** Writes Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export class Exposition {
  readonly #lines: string[] = [];

  /** One family. Every sample of a family must be given here: the format wants them together. */
  family(name: string, type: 'counter' | 'gauge', help: string, samples: Iterable<readonly [Labels, number]>): void {
    this.#head(name, type, help);
    for (const [labels, value] of samples) this.#lines.push(`${name}${labelText(labels)} ${number(value)}`);
  }

  value(name: string, type: 'counter' | 'gauge', help: string, value: number): void {
    this.family(name, type, help, [[{}, value]]);
  }

  histogram(name: string, help: string, samples: Iterable<readonly [Labels, Histogram]>): void {
    this.#head(name, 'histogram', help);
    for (const [labels, histogram] of samples) {
      let below = 0;
      histogram.bounds.forEach((bound, bucket) => {
        below += histogram.counts[bucket];
        this.#lines.push(`${name}_bucket${labelText({ ...labels, le: String(bound) })} ${number(below)}`);
      });
      this.#lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${number(histogram.count)}`);
      this.#lines.push(`${name}_sum${labelText(labels)} ${number(histogram.sum)}`);
      this.#lines.push(`${name}_count${labelText(labels)} ${number(histogram.count)}`);
    }
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
    );
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
