import type { Histogram } from './histogram.js';

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Labels as they stand between the braces, escaped: `model="iris",version="1"`. Written once where they do not change. */
export type LabelText = string;
export type Sample<T> = readonly [labels: LabelText, value: T];

export const NO_LABELS: LabelText = '';

export function labelText(labels: Readonly<Record<string, string>>): LabelText {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

/** Writes Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export class Exposition {
  readonly #lines: string[] = [];

  /** One family. Every sample of a family must be given here: the format wants them together. */
  family(name: string, type: 'counter' | 'gauge', help: string, samples: Iterable<Sample<number>>): void {
    this.#head(name, type, help);
    for (const [labels, value] of samples) this.#line(name, labels, value);
  }

  value(name: string, type: 'counter' | 'gauge', help: string, value: number): void {
    this.family(name, type, help, [[NO_LABELS, value]]);
  }

  histogram(name: string, help: string, samples: Iterable<Sample<Histogram>>): void {
    this.#head(name, 'histogram', help);
    for (const [labels, histogram] of samples) {
      const { bounds, counts } = histogram;
      const before = labels === NO_LABELS ? '' : `${labels},`;
      let below = 0;
      for (let bucket = 0; bucket < bounds.length; bucket++) {
        below += counts[bucket];
        this.#line(`${name}_bucket`, `${before}le="${bounds[bucket]}"`, below);
      }
      this.#line(`${name}_bucket`, `${before}le="+Inf"`, histogram.count);
      this.#line(`${name}_sum`, labels, histogram.sum);
      this.#line(`${name}_count`, labels, histogram.count);
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

  #line(name: string, labels: LabelText, value: number): void {
    this.#lines.push(labels === NO_LABELS ? `${name} ${numberText(value)}` : `${name}{${labels}} ${numberText(value)}`);
  }
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
