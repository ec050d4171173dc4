/** Events in a second, over the last two seconds. */
export class Rate {
  readonly #span_ms = 2000;
  readonly #marks: { readonly at_ms: number; readonly count: number }[] = [{ at_ms: 0, count: 0 }];

  /** `count`: how many there have been in all by now. */
  perSecond(now_ms: number, count: number): number {
    const marks = this.#marks;
    marks.push({ at_ms: now_ms, count });
    while (marks.length > 2 && marks[1].at_ms <= now_ms - this.#span_ms) marks.shift();
    const [oldest] = marks;
    const passed_s = (now_ms - oldest.at_ms) / 1000;
    return passed_s > 0 ? (count - oldest.count) / passed_s : 0;
  }
}
