import { middleOf_us } from '../latency-histogram.js';
import { allLatencies, type LoadResult, type PhaseResult } from './load-result.js';
import { duration, warningsOf } from './markdown.js';
import { escapeText, type Series, svgOf } from './plot.js';

const STYLE = `
:root{color-scheme:light dark;--ground:#fff;--text:#1d2530;--quiet:#5a6675;--rule:#dde3ea;--a:#1f6fd1;--b:#c2410c;--c:#12805c;--d:#8b5cf6;--warn:#fff4d6}
@media(prefers-color-scheme:dark){:root{--ground:#12171e;--text:#e6ebf1;--quiet:#9aa7b6;--rule:#2a333f;--a:#6cb0ff;--b:#ff9a62;--c:#4fd1a0;--d:#b9a0ff;--warn:#3a2f10}}
body{background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}p{color:var(--quiet);margin:.3rem 0 1rem}.warning{background:var(--warn);color:var(--text);padding:.6rem .9rem;border-radius:6px}
figure{margin:2rem 0}figcaption{font-weight:600;margin-bottom:.4rem}svg{width:100%;height:auto}
.grid{stroke:var(--rule)}.tick,.axis{fill:var(--quiet);font-size:12px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left}th{color:var(--quiet);font-weight:500}`;

/** One page with everything in it: it loads nothing, and may be sent around as a file. */
export function htmlOf(result: LoadResult): string {
  const title = escapeText(`${result.scenario}: a load over ${result.face}`);
  const about = `${result.machine.processor} × ${result.machine.cores}, Node ${result.machine.node}; ${result.target}, ${result.arrivals} arrivals, ${result.connections} connections, ${result.threads} threads, seed ${result.seed}; ${result.began}`;
  const warnings = warningsOf(result).map((warning) => `<p class="warning">${escapeText(warning)}</p>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1><p>${escapeText(about)}</p>
${warnings.join('\n')}
${tableOf(result)}
${overLoad(result)}
${histogram(result)}
${rates(result)}
${latencies(result)}
<p>Latency counts from when a request was due, not from when it was sent: a stalled server cannot hide behind requests that were not sent to it. Percentiles are within 1 % and of answered requests; refused, failed and unanswered ones are counted beside.</p>
</body></html>
`;
}

function tableOf({ phases }: LoadResult): string {
  const heads = [
    'phase',
    'offered/s',
    'answered/s',
    'p50',
    'p99',
    'max',
    'refused',
    'failed',
    'no answer',
    'generator late',
  ];
  const rows = phases.map((phase) => [
    phase.name,
    phase.offered_per_s.toFixed(0),
    phase.ok_per_s.toFixed(0),
    ...[phase.p50_us, phase.p99_us, phase.max_us].map((us) => (phase.ok === 0 ? '–' : duration(us))),
    String(phase.refused),
    String(phase.failed),
    String(phase.dropped + phase.unanswered),
    `${duration(phase.generator_p99_late_us)}${phase.generator_late ? ' !' : ''}`,
  ]);
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table>${row(heads, 'th')}${rows.map((cells) => row(cells, 'td')).join('')}</table></div>`;
}

function overLoad({ phases }: LoadResult): string {
  const answered = phases.filter(({ ok }) => ok > 0).toSorted((a, b) => a.offered_per_s - b.offered_per_s);
  const of = (name: string, colour: Series['colour'], value: (phase: PhaseResult) => number): Series => ({
    name,
    colour,
    points: answered.map((phase) => [phase.offered_per_s, value(phase)]),
  });
  return svgOf({
    title: 'Latency over load',
    x: 'requests offered a second, one point for each phase',
    y: 'latency',
    log_y: true,
    y_text: duration,
    series: [of('p50', 'a', (p) => p.p50_us), of('p99', 'b', (p) => p.p99_us), of('p99.9', 'd', (p) => p.p999_us)],
  });
}

function histogram(result: LoadResult): string {
  const points = allLatencies(result)
    .data()
    .buckets.map(([bucket, count]): [number, number] => [middleOf_us(bucket), count]);
  return svgOf({
    title: 'Latencies of all answers',
    x: 'latency, in buckets of 2 %',
    y: 'requests',
    kind: 'bars',
    log_x: true,
    x_text: duration,
    series: [{ name: 'answers', colour: 'a', points }],
  });
}

function rates({ timeline, window_ms }: LoadResult): string {
  const of = (name: string, colour: Series['colour'], value: (at: number) => number): Series => ({
    name,
    colour,
    points: timeline.map((_figures, at) => [(at * window_ms) / 1000, (value(at) / window_ms) * 1000]),
  });
  return svgOf({
    title: 'Requests over time',
    x: 'seconds since the beginning, by when requests were due',
    y: 'requests a second',
    series: [
      of('offered', 'd', (at) => timeline[at].offered),
      of('answered', 'c', (at) => timeline[at].ok),
      of('refused, failed', 'b', (at) => timeline[at].refused + timeline[at].failed),
    ],
  });
}

function latencies({ timeline, window_ms }: LoadResult): string {
  const seen = timeline
    .map((figures, at) => ({ ...figures, at_s: (at * window_ms) / 1000 }))
    .filter(({ ok }) => ok > 0);
  return svgOf({
    title: 'Latency over time',
    x: 'seconds since the beginning, by when requests were due',
    y: 'latency',
    log_y: true,
    y_text: duration,
    series: [
      { name: 'p50', colour: 'a', points: seen.map(({ at_s, p50_us }) => [at_s, p50_us]) },
      { name: 'p99', colour: 'b', points: seen.map(({ at_s, p99_us }) => [at_s, p99_us]) },
      { name: 'max', colour: 'd', points: seen.map(({ at_s, max_us }) => [at_s, max_us]) },
    ],
  });
}
