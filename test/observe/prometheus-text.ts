import assert from 'node:assert/strict';

/** One family of Prometheus' text format 0.0.4. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const NUMBER = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Stricter than Prometheus: HELP and TYPE are asked for, families stand together, no series comes twice, histograms add up. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Family & { samples: Sample[] }>();
  const series = new Set<string>();
  const lines = text.slice(0, -1).split('\n');
  let current: (Family & { samples: Sample[] }) | undefined;
  for (let at = 0; at < lines.length; at++) {
    const help = /^# HELP (\S+) (.+)$/.exec(lines[at]);
    if (help !== null) {
      const type = /^# TYPE (\S+) (\S+)$/.exec(lines[at + 1] ?? '');
      assert.ok(type !== null && type[1] === help[1], `TYPE follows HELP: ${lines[at]}`);
      assert.match(help[1], NAME);
      assert.ok(type[2] in SUFFIXES, `a known type: ${type[2]}`);
      assert.ok(!families.has(help[1]), `one family ${help[1]}`);
      current = { name: help[1], type: type[2], help: help[2], samples: [] };
      families.set(current.name, current);
      at++;
      continue;
    }
    const sample = parseSample(lines[at]);
    assert.ok(current !== undefined, `a sample belongs to a family: ${lines[at]}`);
    const { name, type } = current;
    assert.ok(
      SUFFIXES[type].some((suffix) => sample.name === name + suffix),
      `${sample.name} stands in the family ${name}`,
    );
    const identity = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    assert.ok(!series.has(identity), `one series ${identity}`);
    series.add(identity);
    current.samples.push(sample);
  }
  for (const family of families.values()) checkValues(family);
  return families;
}

function parseSample(line: string): Sample {
  const match = SAMPLE.exec(line);
  assert.ok(match !== null, `a sample: ${JSON.stringify(line)}`);
  const [, name, braces, value] = match;
  assert.match(value, NUMBER, line);
  return {
    name,
    labels: braces === undefined ? {} : parseLabels(braces),
    value: Number(value.replace('Inf', 'Infinity')),
  };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
    const match = LABEL.exec(text);
    assert.ok(match !== null, `labels: ${text}`);
    const [, name, value] = match;
    assert.ok(!(name in labels), `one label ${name}`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

function checkValues({ name, type, samples }: Family): void {
  if (type !== 'gauge') for (const { value } of samples) assert.ok(value >= 0, `${name} never falls below 0`);
  if (type !== 'histogram') return;
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le'].replace('Inf', 'Infinity')));
    assert.deepEqual(
      bounds,
      [...new Set(bounds)].sort((a, b) => a - b),
      `bounds of ${name} ${key} rise`,
    );
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      `buckets of ${name} ${key} are cumulative`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY);
    assert.equal(counts.at(-1), group.find((sample) => sample.name === `${name}_count`)?.value);
    assert.ok(group.some((sample) => sample.name === `${name}_sum`));
  }
}
