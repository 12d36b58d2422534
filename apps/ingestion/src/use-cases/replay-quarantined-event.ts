import type { Tenant } from '@parley/access';
import type { Collected } from '../storage/collection-counts.ts';
import type { QuarantinedEvent, QuarantineStore } from '../storage/quarantine-store.ts';
import type { CandidateEvent } from './candidate-event.ts';
import { recordEvents } from './record-events.ts';
import type { RecordingDependencies, RecordingResult } from './record-events.ts';

export interface ReplayDependencies extends RecordingDependencies {
  readonly quarantine: QuarantineStore;
}

/**
 * Records an event of the quarantine again; it leaves the quarantine once the log has it. Otherwise it stays there as it
 * is, however often it is tried, and is counted as rejected no second time.
 * @param check reads what is kept, or what corrects it.
 * @throws DomainError `not-found` when the tenant has none of that id.
 */
export async function replayQuarantinedEvent(
  dependencies: ReplayDependencies,
  tenant: Tenant,
  quarantineId: string,
  check: (kept: QuarantinedEvent) => CandidateEvent,
  signal: AbortSignal,
): Promise<RecordingResult> {
  const { quarantine, counts } = dependencies;
  const kept = await quarantine.get(tenant, quarantineId);
  const { results } = await recordEvents(
    {
      ...dependencies,
      quarantine: { keep: (_tenant, events) => Promise.resolve(events.map(() => quarantineId)) },
      counts: { note: (noted, byBot) => counts.note(noted, onlyAccepted(byBot)) },
    },
    tenant,
    [check(kept)],
    signal,
  );
  const result = results[0];
  if (result === undefined) throw new Error('Nothing became of the replayed event.');
  if (result.outcome === 'accepted' || result.outcome === 'duplicate') {
    await quarantine.remove(tenant, quarantineId);
  }
  return result;
}

function onlyAccepted(byBot: ReadonlyMap<string, Collected>): ReadonlyMap<string, Collected> {
  return new Map(Array.from(byBot, ([botId, { accepted = 0 }]) => [botId, { accepted }]));
}
