import { timestampOf } from './demo-line.ts';
import type { TimedLine } from './demo-line.ts';
import { planted } from './planted.ts';
import { chance, createRandom, pickWeighted } from './random.ts';
import type { Random } from './random.ts';
import { places } from './script.ts';

/** How many members there are from the start, in every history. */
export const firstMembers = 200;

/** Who speaks, and where; undefined ids are those of nobody known. */
export interface Speaker {
  readonly memberId: string | undefined;
  readonly group: string;
  readonly channel: string;
  readonly isEager: boolean;
}

interface Person extends Speaker {
  readonly memberId: string;
  readonly userId: string | undefined;
  readonly segments: readonly string[];
  /** Whether a user came with this member who never speaks. */
  readonly hasSilentFriend: boolean;
}

/** The member who joined as the n-th, from 0. */
function person(seed: number, tenant: string, n: number): Person {
  const random = createRandom(seed, tenant, 'member', n);
  const { group, channel } = pickWeighted(random, places);
  const { segment } = pickWeighted(random, segments);
  return {
    memberId: `m-${n}`,
    userId: pickWeighted(random, identities).userId(n),
    group,
    channel,
    segments: segment === undefined ? [] : [segment],
    isEager: segment === planted.eagerSegment,
    hasSilentFriend: chance(random, 0.3),
  };
}

const segments = [
  { segment: planted.eagerSegment, weight: 3 },
  { segment: 'free_user', weight: 5 },
  { segment: undefined, weight: 2 },
] as const;

const identities = [
  { weight: 80, userId: (n: number) => `u-${n}` },
  // The same user as the member before, in another place.
  { weight: 10, userId: (n: number) => `u-${Math.max(0, n - 1)}` },
  { weight: 10, userId: () => undefined },
];

/** What is recorded when the n-th member joins: the user, then the member. The ids of these records begin with `id`. */
export function join(seed: number, tenant: string, n: number, id: string, at: number): TimedLine[] {
  const { memberId, userId, group, segments, hasSilentFriend } = person(seed, tenant, n);
  const timestamp = timestampOf(at);
  const users = [...(userId === `u-${n}` ? [userId] : []), ...(hasSilentFriend ? [`u-${n}-friend`] : [])];
  return [
    ...users.map((user_id) => ({
      at,
      line: { type: 'user', id: `${id}-${user_id}`, tenant, timestamp, user_id } as const,
    })),
    {
      at,
      line: {
        type: 'member',
        id: `${id}-${memberId}`,
        tenant,
        timestamp,
        member_id: memberId,
        ...(userId !== undefined && { user_id: userId }),
        group_id: group,
        segments,
      },
    },
  ];
}

/** Who speaks next, of that many members: the early ones more often, and now and then somebody whom nobody knows. */
export function nextSpeaker(random: Random, seed: number, tenant: string, members: number): Speaker {
  if (chance(random, 0.03)) {
    const { group, channel } = pickWeighted(random, places);
    return { memberId: undefined, group, channel, isEager: false };
  }
  return person(seed, tenant, Math.floor(random() * Math.max(random(), random()) * members));
}
