import type { Seal } from '@parley/projection';
import type { Place } from './bucket-sums.ts';
import type { FactEvent } from './fact-event.ts';
import type { InteractionFact } from './facts.ts';
import { dayOf } from './history.ts';
import type { History } from './history.ts';

/**
 * What must stay as it is while events are folded once more beside copies of what they, and others that have expired, have
 * made of it: buckets of before an instant, and facts that began before a day.
 */
export interface Seals {
  /** False where events are folded for the first time. */
  readonly isAny: boolean;
  /** Of a bucket that was copied. */
  readonly isSealed: (place: Place) => boolean;
  /** Of an interaction that was copied: an event about it has expired. */
  readonly isBegun: (fact: InteractionFact) => boolean;
  /** Of a conversion, refund or rating that was copied: its event has expired. */
  readonly isCopied: (fact: History & { readonly tenantId: string }) => boolean;
  /** Of an event whose effect is in the copies alone. */
  readonly isExpired: (event: Pick<FactEvent, 'tenantId' | 'receivedAt'>) => boolean;
}

/** Nothing is sealed where events are folded for the first time. */
export function sealsOf(seals: ReadonlyMap<string, Seal> = new Map()): Seals {
  const isBefore = (tenantId: string, day: number | null): boolean => {
    const seal = seals.get(tenantId);
    return seal !== undefined && day !== null && day < dayOf(seal.receivedBefore);
  };
  return {
    isAny: seals.size > 0,
    isSealed: ({ tenantId, occurredAt }) => {
      const seal = seals.get(tenantId);
      return seal !== undefined && occurredAt < seal.occurredBefore;
    },
    isBegun: ({ tenantId, seenOn }) => isBefore(tenantId, seenOn),
    isCopied: ({ tenantId, knownOn }) => isBefore(tenantId, knownOn),
    isExpired: ({ tenantId, receivedAt }) => isBefore(tenantId, dayOf(receivedAt)),
  };
}
