import type { Tenant } from '@parley/access';
import type { CandidateEvent } from './candidate-event.ts';
import { recordEvents } from './record-events.ts';
import type { RecordingDependencies, RecordingResult } from './record-events.ts';

/**
 * Records an event of the quarantine again, as it came or as corrected; it leaves the quarantine once the log has it.
 * @param check reads the bytes; applied to what came, unless there is a correction.
 * @throws DomainError `not-found` when the tenant has none of that id.
 */
export async function replayQuarantinedEvent(
  dependencies: RecordingDependencies,
  tenant: Tenant,
  {
    quarantineId,
    corrected,
  }: { readonly quarantineId: string; readonly corrected: CandidateEvent | undefined },
  check: (bytes: Uint8Array) => CandidateEvent,
  signal: AbortSignal,
): Promise<RecordingResult> {
  const kept = await dependencies.quarantine.get(tenant, quarantineId);
  const { results } = await recordEvents(dependencies, tenant, [corrected ?? check(kept.body)], signal);
  const result = results[0];
  if (result === undefined) throw new Error('Nothing became of the replayed event.');
  if (result.outcome === 'accepted' || result.outcome === 'duplicate') {
    await dependencies.quarantine.remove(tenant, quarantineId);
  }
  return result;
}
