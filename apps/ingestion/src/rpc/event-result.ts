import type { MessageInitShape } from '@bufbuild/protobuf';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { EventResultSchema } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { RecordingResult } from '../use-cases/record-events.ts';

const outcomes = {
  accepted: EventOutcome.ACCEPTED,
  duplicate: EventOutcome.DUPLICATE,
  conflict: EventOutcome.CONFLICT,
  rejected: EventOutcome.REJECTED,
} as const;

/** What became of an event, as its producer is told. */
export function toEventResult(result: RecordingResult): MessageInitShape<typeof EventResultSchema> {
  if (!('reason' in result)) {
    return { outcome: outcomes[result.outcome], eventId: result.eventId };
  }
  const { outcome, eventId, reason, message, violations, quarantineId } = result;
  return {
    outcome: outcomes[outcome],
    eventId,
    reason,
    message,
    fieldViolations: violations.map(({ field, description }) => ({ field, description })),
    quarantineId,
  };
}
