import { makeConversation } from './conversation.ts';
import type { DemoLine, TimedLine } from './demo-line.ts';
import { inTimeOrder } from './in-time-order.ts';
import { firstMembers, join, nextSpeaker } from './members.ts';
import { planted } from './planted.ts';
import { createRandom, shortHash } from './random.ts';
import type { Random } from './random.ts';

export interface HistoryOptions {
  /** Another number makes another history. */
  readonly seed: number;
  /** Named in every line. */
  readonly tenant: string;
  readonly from: Date;
  readonly to: Date;
  /** On the average of a week, more than 0; a conversation has about 5 lines. */
  readonly conversationsPerDay: number;
}

/**
 * What happened from `from` to before `to`, in the order of time: first the members that were there from the start. The
 * same options give the same lines, on every machine; a later `to` only adds lines, any other change gives all events
 * other ids. What would have happened after `to` is cut off, so the last interactions may still wait for their answers.
 */
export function* generateHistory(options: HistoryOptions): Generator<DemoLine> {
  const { from, to, conversationsPerDay } = options;
  if (!(from <= to)) throw new RangeError('A history must not end before it starts.');
  if (!(conversationsPerDay > 0)) throw new RangeError('A history needs conversations.');
  for (const { at, line } of inTimeOrder(stories(options))) {
    if (at >= to.getTime()) return;
    yield line;
  }
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Members who join and conversations, in the order of their starts, until `to`. */
function* stories({ seed, tenant, from, to, conversationsPerDay }: HistoryOptions): Generator<TimedLine[]> {
  const random = createRandom(seed, tenant, 'history');
  const start = from.getTime();
  const prefix = `h${shortHash([seed, tenant, start, conversationsPerDay].join('|'))}`;
  let members = 0;
  while (members < firstMembers) yield join(seed, tenant, members++, prefix, start);
  // As many more in a month as a day has conversations.
  const joinMs = (30 * dayMs) / conversationsPerDay;
  let conversations = 0;
  for (const startAt of starts(random, start, to.getTime(), conversationsPerDay)) {
    for (let at = start + (members - firstMembers + 1) * joinMs; at <= startAt; at += joinMs) {
      yield join(seed, tenant, members++, prefix, Math.floor(at));
    }
    const speaker = nextSpeaker(random, seed, tenant, members);
    const id = `${prefix}-${conversations++}`;
    yield makeConversation(random, { tenant, id, startAt, speaker });
  }
}

/** How busy each hour of the day is, in UTC. */
const rhythm = [3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 12, 11, 10, 10, 11, 13, 15, 17, 15, 11, 8, 5];
const rhythmSum = rhythm.reduce((sum, weight) => sum + weight, 0);

/** When conversations start, in order: hour by hour, from the hour that holds `start`. */
function* starts(random: Random, start: number, end: number, perDay: number): Generator<number> {
  for (let hour = Math.floor(start / hourMs) * hourMs; hour < end; hour += hourMs) {
    const time = new Date(hour);
    const isWeekend = time.getUTCDay() % 6 === 0;
    const perWeekday = (perDay * 7) / (5 + 2 * planted.weekendShare);
    const share = (rhythm[time.getUTCHours()] ?? 0) / rhythmSum;
    const expected = perWeekday * share * (isWeekend ? planted.weekendShare : 1) * (0.7 + 0.6 * random());
    const offsets = Array.from({ length: Math.floor(expected + random()) }, () =>
      Math.floor(random() * hourMs),
    );
    for (const offset of offsets.sort((a, b) => a - b)) {
      if (hour + offset >= start) yield hour + offset;
    }
  }
}
