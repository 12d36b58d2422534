import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { LogEvent } from '@parley/event';
import type { MemberChange, PersonRecord, SeenMember, UserChange } from '../storage/people-store.ts';

/** Gathers what a batch of events says of members and users: one entry for each of them. */
export interface People {
  see(logEvent: LogEvent, event: Event): void;
  /** Who took part in an interaction and has no record in this batch. */
  seenMembers(): readonly SeenMember[];
  members(): readonly MemberChange[];
  users(): readonly UserChange[];
}

export function createPeople(): People {
  const seen = new Map<string, Set<string>>();
  const members = new Map<string, MemberChange>();
  const users = new Map<string, UserChange>();

  return {
    see({ tenantId, eventKey, occurredAt, receivedAt }, { payload }) {
      const said = { recordKey: eventKey, recordedAt: occurredAt, receivedAt };
      switch (payload.case) {
        case 'interaction': {
          const { memberId } = payload.value;
          if (memberId === '') return;
          const known = seen.get(tenantId);
          if (known === undefined) seen.set(tenantId, new Set([memberId]));
          else known.add(memberId);
          return;
        }
        case 'member': {
          const { memberId, userId, groupId, segments, attributes } = payload.value;
          const key = `${tenantId} ${memberId}`;
          const record = {
            ...said,
            userId: userId || undefined,
            groupId: groupId || undefined,
            segments,
            attributes,
          };
          members.set(key, { tenantId, memberId, record: later(members.get(key)?.record, record) });
          return;
        }
        case 'user': {
          const { userId, attributes } = payload.value;
          const key = `${tenantId} ${userId}`;
          const record = { ...said, attributes };
          users.set(key, { tenantId, userId, record: later(users.get(key)?.record, record) });
          return;
        }
        default:
      }
    },
    seenMembers: () =>
      [...seen].flatMap(([tenantId, ids]) =>
        [...ids]
          .filter((memberId) => !members.has(`${tenantId} ${memberId}`))
          .map((memberId) => ({ tenantId, memberId })),
      ),
    members: () => [...members.values()],
    users: () => [...users.values()],
  };
}

/** The record that occurred last; of two at the same instant the one with the higher key, whichever came first. */
function later<Record extends PersonRecord>(known: Record | undefined, record: Record): Record {
  if (known === undefined) return record;
  const difference = record.recordedAt.getTime() - known.recordedAt.getTime();
  return difference > 0 || (difference === 0 && record.recordKey > known.recordKey) ? record : known;
}
