import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { LogEvent } from '@parley/event';
import type { MemberChange, MemberRecord, PersonRecord, UserChange } from '../storage/people-store.ts';

/** Gathers what a batch of events says of members and users: one change for each of them. */
export interface People {
  see(logEvent: LogEvent, event: Event): void;
  members(): readonly MemberChange[];
  users(): readonly UserChange[];
}

export function createPeople(): People {
  const members = new Map<string, MemberChange>();
  const users = new Map<string, UserChange>();

  function changeMember(
    tenantId: string,
    memberId: string,
    change: (known: MemberChange) => MemberChange,
  ): void {
    const key = `${tenantId} ${memberId}`;
    const known = members.get(key) ?? { tenantId, memberId, lastActivityAt: undefined, record: undefined };
    members.set(key, change(known));
  }

  return {
    see({ tenantId, eventKey, occurredAt, receivedAt }, { payload }) {
      const said = { recordKey: eventKey, recordedAt: occurredAt, receivedAt };
      switch (payload.case) {
        case 'interaction': {
          if (payload.value.memberId === '') return;
          changeMember(tenantId, payload.value.memberId, (known) => ({
            ...known,
            lastActivityAt:
              known.lastActivityAt !== undefined && known.lastActivityAt >= occurredAt
                ? known.lastActivityAt
                : occurredAt,
          }));
          return;
        }
        case 'member': {
          const { memberId, userId, groupId, segments, attributes } = payload.value;
          const record: MemberRecord = {
            ...said,
            userId: userId || undefined,
            groupId: groupId || undefined,
            segments,
            attributes,
          };
          changeMember(tenantId, memberId, (known) => ({ ...known, record: later(known.record, record) }));
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
