/** SVG plots as text, coloured by the page's variables, so that they follow light and dark. */
export interface Series {
  readonly name: string;
  /** One of the page's colours: --a, --b, --c, --d. */
  readonly colour: 'a' | 'b' | 'c' | 'd';
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  readonly log_x?: boolean;
  readonly log_y?: boolean;
  readonly kind?: 'line' | 'bars';
  readonly x_text?: (value: number) => string;
  readonly y_text?: (value: number) => string;
}

const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 72;
const RIGHT = 34;
const TOP = 34;
const BOTTOM = 46;

interface Axis {
  readonly ticks: readonly number[];
  /** Between 0 and 1. */
  readonly at: (value: number) => number;
}

export function svgOf(plot: Plot): string {
  const points = plot.series.flatMap(({ points }) => points);
  if (points.length === 0) return `<p>${escapeText(plot.title)}: nothing was measured.</p>`;
  const x = axisOf(
    points.map(([value]) => value),
    plot.log_x === true,
  );
  const y = axisOf(
    points.map(([, value]) => value),
    plot.log_y === true,
  );
  const px = (value: number) => round(LEFT + x.at(value) * (WIDTH - LEFT - RIGHT));
  const py = (value: number) => round(HEIGHT - BOTTOM - y.at(value) * (HEIGHT - TOP - BOTTOM));
  const parts = [
    ...y.ticks.map((tick) => {
      const text = escapeText((plot.y_text ?? shortNumber)(tick));
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(tick)}" y2="${py(tick)}"/><text class="tick" text-anchor="end" x="${LEFT - 8}" y="${py(tick) + 4}">${text}</text>`;
    }),
    ...x.ticks.map((tick) => {
      const text = escapeText((plot.x_text ?? shortNumber)(tick));
      return `<text class="tick" text-anchor="middle" x="${px(tick)}" y="${HEIGHT - BOTTOM + 18}">${text}</text>`;
    }),
    ...plot.series.map((series) => (plot.kind === 'bars' ? bars(series, px, py) : line(series, px, py))),
    ...legend(plot.series),
    `<text class="axis" text-anchor="middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}">${escapeText(plot.x)}</text>`,
    `<text class="axis" x="8" y="16">${escapeText(plot.y)}</text>`,
  ];
  const label = escapeText(plot.title);
  return `<figure><figcaption>${label}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg></figure>`;
}

function line(series: Series, px: (x: number) => number, py: (y: number) => number): string {
  const path = series.points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${px(x)} ${py(y)}`).join('');
  const few = series.points.length <= 40;
  const dots = few
    ? series.points.map(([x, y]) => `<circle r="3" cx="${px(x)}" cy="${py(y)}" fill="var(--${series.colour})"/>`)
    : [];
  return `<path d="${path}" fill="none" stroke="var(--${series.colour})" stroke-width="2"/>${dots.join('')}`;
}

function bars(series: Series, px: (x: number) => number, py: (y: number) => number): string {
  const floor = HEIGHT - BOTTOM;
  return series.points
    .map(([x, y]) => {
      return `<rect x="${round(px(x) - 1)}" width="2.5" y="${py(y)}" height="${round(Math.max(1, floor - py(y)))}" fill="var(--${series.colour})"/>`;
    })
    .join('');
}

function legend(series: readonly Series[]): string[] {
  return series.map(({ name, colour }, at) => {
    const x = WIDTH - RIGHT - (series.length - at) * 110;
    return `<rect x="${x}" y="8" width="12" height="12" rx="2" fill="var(--${colour})"/><text class="tick" x="${x + 18}" y="18">${escapeText(name)}</text>`;
  });
}

function axisOf(values: readonly number[], log: boolean): Axis {
  return log ? logAxis(values.filter((value) => value > 0)) : linearAxis(values);
}

function linearAxis(values: readonly number[]): Axis {
  const high = values.reduce((most, value) => Math.max(most, value), 0) || 1;
  const rough = high / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const top = Math.ceil(high / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
  return { ticks, at: (value) => value / top };
}

function logAxis(values: readonly number[]): Axis {
  const exponents = values.map((value) => Math.log10(value));
  const low = Math.floor(exponents.reduce((least, value) => Math.min(least, value), exponents[0] ?? 0));
  const high = Math.max(low + 1, Math.ceil(exponents.reduce((most, value) => Math.max(most, value), low)));
  const ticks = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at));
  return { ticks, at: (value) => Math.max(0, (Math.log10(Math.max(value, 1e-9)) - low) / (high - low)) };
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${round(value / 1e6)} M`;
  return value >= 1e4 ? `${round(value / 1e3)} k` : String(round(value));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
