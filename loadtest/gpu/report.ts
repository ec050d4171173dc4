import type { Measured } from './device-suite.js';

export interface GpuReport {
  /** Of the machine and its device, a fact a line. */
  readonly machine: readonly string[];
  /** What was checked, and what came of it. */
  readonly checks: readonly string[];
  readonly measured: readonly Measured[];
}

/** docs/gpu.md. */
export function gpuPage({ machine, checks, measured }: GpuReport): string {
  const lines = [
    '# GPUs: what was measured',
    '',
    'Written by `npm run test:gpu`; do not edit. Weights are random, values travel to the GPU process and back as in a node. Figures of',
    'different machines do not compare, ratios in one table do.',
    '',
    ...machine.map((fact) => `- ${fact}`),
    '',
    '## Checks',
    '',
    ...checks.map((check) => `- ${check}`),
  ];
  for (const network of new Set(measured.map((each) => each.network))) {
    const rows = measured.filter((each) => each.network === network);
    lines.push(
      '',
      `## ${capital(network)}`,
      '',
      '| where | batch | p50 | p99 | rows a second |',
      '|---|---|---|---|---|',
    );
    for (const { where, failure, timings } of rows) {
      if (failure !== '') lines.push(`| ${where} | | | | ${failure.replace(/[\s|]+/g, ' ')} |`);
      for (const { batch, p50_ms, p99_ms, rows_per_second } of timings)
        lines.push(`| ${where} | ${batch} | ${millis(p50_ms)} | ${millis(p99_ms)} | ${Math.round(rows_per_second)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function millis(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}
