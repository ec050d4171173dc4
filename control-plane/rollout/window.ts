import { type RolloutWindow, WEEKDAYS } from '../../contract/rollout-policy.js';

/** Whether more traffic may be given at this moment, by the clocks of the time zones that the windows name. None: always. */
export function isOpen(windows: readonly RolloutWindow[], at_ms: number): boolean {
  return windows.length === 0 || windows.some((window) => isWithin(window, at_ms));
}

function isWithin({ days, from, to, time_zone }: RolloutWindow, at_ms: number): boolean {
  const { day, clock } = localTime(at_ms, time_zone);
  const isDay = (index: number): boolean => days.includes(WEEKDAYS[(index + 7) % 7]);
  // Times of two digits each compare as text. From and to alike: the whole day.
  if (from < to) return isDay(day) && clock >= from && clock < to;
  return (isDay(day) && clock >= from) || (isDay(day - 1) && clock < to);
}

function localTime(at_ms: number, timeZone: string): { readonly day: number; readonly clock: string } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at_ms);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  const today = part('weekday').toLowerCase();
  const day = WEEKDAYS.findIndex((each) => today.startsWith(each));
  return { day, clock: `${part('hour')}:${part('minute')}` };
}
