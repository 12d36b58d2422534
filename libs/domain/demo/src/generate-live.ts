import { makeConversation } from './conversation.ts';
import type { TimedLine } from './demo-line.ts';
import { inTimeOrder } from './in-time-order.ts';
import { firstMembers, nextSpeaker } from './members.ts';
import { createRandom, shortHash } from './random.ts';

export interface LiveOptions {
  /** That of the history which it follows, whose members go on speaking. */
  readonly seed: number;
  readonly tenant: string;
  /** When the first conversation starts; any other option makes other conversations, with other ids. */
  readonly from: Date;
  /** More than 0; a conversation has about 5 lines. Steady: the hour does not matter. Default 6. */
  readonly conversationsPerMinute?: number;
}

/**
 * Traffic without end from `from` on, in the order of time, each line with when it is due. Nothing waits in here: whoever
 * takes the lines sends each at its time.
 */
export function* generateLive(options: LiveOptions): Generator<TimedLine> {
  if (!((options.conversationsPerMinute ?? 6) > 0)) throw new RangeError('Traffic needs conversations.');
  yield* inTimeOrder(conversations(options));
}

function* conversations({
  seed,
  tenant,
  from,
  conversationsPerMinute = 6,
}: LiveOptions): Generator<TimedLine[]> {
  const random = createRandom(seed, tenant, 'live', from.getTime());
  const prefix = `l${shortHash([seed, tenant, from.getTime(), conversationsPerMinute].join('|'))}`;
  const gapMs = 60_000 / conversationsPerMinute;
  let startAt = from.getTime();
  for (let n = 0; ; n += 1) {
    const speaker = nextSpeaker(random, seed, tenant, firstMembers);
    yield makeConversation(random, { tenant, id: `${prefix}-${n}`, startAt, speaker });
    startAt += Math.ceil(gapMs * (0.5 + random()));
  }
}
