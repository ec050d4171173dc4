import type { LoadResult, PhaseResult } from './load-result.js';

/** A table that fits a pull request or docs/, with what makes the run worth less said below it. */
export function markdownOf(result: LoadResult): string {
  const lines = [
    `### ${result.scenario}, ${result.face}, ${result.arrivals} arrivals`,
    '',
    `${result.machine.processor} × ${result.machine.cores}, Node ${result.machine.node}; ${result.connections} connections, ${result.threads} threads, seed ${result.seed}; ${result.began}`,
    '',
    '| phase | offered/s | answered/s | p50 | p99 | p99.9 | max | refused | failed | no answer |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...result.phases.map(row),
    '',
    ...warningsOf(result).map((warning) => `- ${warning}`),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

export function warningsOf(result: LoadResult): string[] {
  const late = result.phases.filter(({ generator_late }) => generator_late);
  if (late.length === 0) return [];
  const names = late.map(({ name, generator_p99_late_us }) => `${name} (p99 ${duration(generator_p99_late_us)})`);
  return [
    `The generator was late itself in ${names.join(', ')}: these latencies are partly its own. Fewer requests, or a machine of its own, would tell more.`,
  ];
}

function row(phase: PhaseResult): string {
  const cells = [
    phase.name + (phase.generator_late ? ' (generator late)' : ''),
    rate(phase.offered_per_s),
    rate(phase.ok_per_s),
    ...[phase.p50_us, phase.p99_us, phase.p999_us, phase.max_us].map((us) => (phase.ok === 0 ? '–' : duration(us))),
    String(phase.refused),
    String(phase.failed),
    String(phase.dropped + phase.unanswered),
  ];
  return `| ${cells.join(' | ')} |`;
}

export function duration(us: number): string {
  if (us < 1000) return `${us.toFixed(0)} µs`;
  if (us < 1e6) return `${(us / 1000).toPrecision(3)} ms`;
  return `${(us / 1e6).toPrecision(3)} s`;
}

function rate(per_s: number): string {
  return per_s >= 100 ? Math.round(per_s).toLocaleString('en') : per_s.toFixed(1);
}
