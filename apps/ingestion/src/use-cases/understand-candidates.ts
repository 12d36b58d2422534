import type { Tenant } from '@parley/access';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import { appendUnderstanding } from '../event-content/append-understanding.ts';
import { textCost } from '../language/reading-pool.ts';
import type { TenantReader } from '../language/tenant-reader.ts';
import type { CandidateEvent, CheckedEvent } from './candidate-event.ts';

/** Has the events that a tenant is about to record read; what can't be read now comes back as it was. */
export type Understand = (
  tenant: Tenant,
  candidates: readonly CandidateEvent[],
) => Promise<readonly CandidateEvent[]>;

/**
 * An acknowledgement is held up by no more, and by two more for each text: what is later is read after it is
 * committed, which costs an event more and takes several times as long.
 */
const longestMs = 100;
const longestMsOfText = 2;
/** What is read in a millisecond also by a busy machine. */
const costOfMs = 1_000;
/** Of all calls together: more would be late, and is better read later. */
const maxWaiting = 2_000_000;

/** Adds intent and sentiment to what has text and lacks one of them; only that is sent to be read. */
export function createUnderstand(reader: TenantReader, logger: Logger): Understand {
  return async (tenant, candidates) => {
    const all = candidates.filter(isUnread);
    const timeoutMs = longestMs + longestMsOfText * all.length;
    const unread = withinBudget(all, timeoutMs * costOfMs);
    if (unread.length === 0) return candidates;
    try {
      const texts = unread.map(({ unread: text }) => text);
      // The model's address has to be looked up first, which has its time too.
      const understandings = await within(
        timeoutMs + longestMs,
        reader.read(tenant, texts, { maxWaiting, timeoutMs, takesPart: true }),
      );
      if (understandings === undefined) return candidates;
      const read = new Map<CandidateEvent, CandidateEvent>();
      for (const [index, candidate] of unread.entries()) {
        const understanding = understandings[index];
        if (understanding === undefined) continue;
        const { event } = candidate;
        const body = appendUnderstanding(event.body, understanding);
        read.set(candidate, { ...candidate, event: { ...event, body } });
      }
      return candidates.map((candidate) => read.get(candidate) ?? candidate);
    } catch (error) {
      if (!(error instanceof DomainError)) logger.warn({ error }, 'texts could not be read on their way in');
      return candidates;
    }
  };
}

/** As many as can be read in time; the rest is read after it is committed. */
function withinBudget(unread: readonly Unread[], budget: number): readonly Unread[] {
  let left = budget;
  const tooMany = unread.findIndex(({ unread: { text } }) => (left -= text.length + textCost) < 0);
  return tooMany === -1 ? unread : unread.slice(0, tooMany);
}

type Unread = CheckedEvent & Required<Pick<CheckedEvent, 'unread'>>;

function isUnread(candidate: CandidateEvent): candidate is Unread {
  return !candidate.isRefused && candidate.unread !== undefined;
}

async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
