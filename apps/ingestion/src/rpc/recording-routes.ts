import { create } from '@bufbuild/protobuf';
import type { HandlerContext, ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import type { Tenant } from '@parley/access';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DomainError, invalidArgument } from '@parley/errors';
import { readmit, spend, tenantOf } from '@parley/rpc';
import { ingestStream } from '../use-cases/ingest-stream.ts';
import type { Batch } from '../use-cases/ingest-stream.ts';
import { recordEvents } from '../use-cases/record-events.ts';
import type { Recording as Recorded, RecordingDependencies } from '../use-cases/record-events.ts';
import type { CandidateEvent } from '../use-cases/candidate-event.ts';
import type { EventCheck } from './check-event.ts';
import { toEventResult } from './event-result.ts';
import { eventBytesOf, ingestEventsRaw, recordEventsRaw, requireSome, sequenceOf } from './raw-events.ts';

export interface RecordingRouteDependencies extends RecordingDependencies {
  readonly check: EventCheck;
}

type Recording = Omit<ServiceImpl<typeof IngestionService>, 'getInteraction' | 'listInteractions'>;
type Envelope = Pick<Event, 'eventId' | 'occurredAt' | 'sentAt'>;

/** The calls by which a tenant's back end reports what happened. */
export function createRecording(dependencies: RecordingRouteDependencies): Recording {
  const { check } = dependencies;

  async function recordOne(
    { eventId, occurredAt, sentAt }: Envelope,
    payload: Event['payload'],
    context: HandlerContext,
  ) {
    const tenant = tenantOf(context);
    const candidate = check.message(tenant, create(EventSchema, { eventId, occurredAt, sentAt, payload }));
    if (candidate.isRefused) throw refusal(candidate);
    spendOn(context, [candidate]);
    const { results, position } = await recordEvents(dependencies, tenant, [candidate], context.signal);
    const result = results[0];
    if (result === undefined) throw new Error('Nothing became of an event.');
    if ('reason' in result && (result.reason === 'NO_CONSENT' || result.reason === 'MEMBER_ERASED')) {
      throw new DomainError(result.message, {
        kind: 'failed-precondition',
        reason: result.reason,
        facts: { event_id: result.eventId },
      });
    }
    if ('reason' in result && result.reason === 'TOO_MANY_BOTS') {
      // Without a time to wait: it takes the operator to let another one in.
      throw new DomainError(result.message, {
        kind: 'resource-exhausted',
        reason: result.reason,
        facts: { event_id: result.eventId, quarantine_id: result.quarantineId },
        quotas: [{ subject: `tenant:${tenant.name}`, description: result.message }],
      });
    }
    if ('reason' in result && result.reason === 'TOO_OLD') {
      throw new DomainError(result.message, {
        kind: 'invalid-argument',
        reason: result.reason,
        violations: result.violations,
        facts: {
          event_id: result.eventId,
          too_old_before: result.tooOldBefore?.toISOString() ?? '',
        },
      });
    }
    if ('reason' in result) {
      throw new DomainError(result.message, {
        kind: 'already-exists',
        reason: result.reason,
        facts: { event_id: result.eventId, quarantine_id: result.quarantineId },
      });
    }
    return { eventId: result.eventId, duplicate: result.outcome === 'duplicate', position };
  }

  return {
    recordInteraction: (request, context) =>
      recordOne(request, payload('interaction', request.interaction), context),
    completeInteraction: (request, context) =>
      recordOne(request, payload('completion', request.completion), context),
    recordConversion: (request, context) =>
      recordOne(request, payload('conversion', request.conversion), context),
    recordRefund: (request, context) => recordOne(request, payload('refund', request.refund), context),
    recordFeedback: (request, context) => recordOne(request, payload('feedback', request.feedback), context),
    recordHandoff: (request, context) => recordOne(request, payload('handoff', request.handoff), context),
    recordMember: (request, context) => recordOne(request, payload('member', request.member), context),
    recordUser: (request, context) => recordOne(request, payload('user', request.user), context),
    recordBotPerformanceMetric: (request, context) =>
      recordOne(request, payload('botPerformanceMetric', request.botPerformanceMetric), context),
    recordExposure: (request, context) => recordOne(request, payload('exposure', request.exposure), context),
    ingestEvents: (requests, context) =>
      ingestMany(dependencies, requests, context, ({ events, sequence }, tenant) => ({
        sequence,
        candidates: requireSome(events).map((event) => check.message(tenant, event)),
      })),
    recordEvents: ({ events }, context) => {
      const tenant = tenantOf(context);
      return recordMany(
        dependencies,
        events.map((event) => check.message(tenant, event)),
        context,
      );
    },
  };
}

/** Answers RecordEvents and IngestEvents for requests that are not JSON: events are read as they came, one by one. */
export function createRawRecording(
  dependencies: RecordingRouteDependencies,
): (router: ConnectRouter) => void {
  const { check } = dependencies;
  return (router) => {
    router
      .rpc(recordEventsRaw, (request, context) => {
        const tenant = tenantOf(context);
        return recordMany(
          dependencies,
          eventBytesOf(request).map((bytes) => check.bytes(tenant, bytes)),
          context,
        );
      })
      .rpc(ingestEventsRaw, (requests, context) =>
        ingestMany(dependencies, requests, context, (request, tenant) => ({
          sequence: sequenceOf(request),
          candidates: eventBytesOf(request).map((bytes) => check.bytes(tenant, bytes)),
        })),
      );
  };
}

/** Batches of a stream; who calls is asked again for each, since a stream outlives a key that is revoked. */
async function* ingestMany<Request>(
  dependencies: RecordingRouteDependencies,
  requests: AsyncIterable<Request>,
  context: HandlerContext,
  read: (
    request: Request,
    tenant: Tenant,
  ) => { readonly sequence: bigint; readonly candidates: readonly CandidateEvent[] },
) {
  const { signal } = context;
  const tenant = tenantOf(context);
  const batches = async function* (): AsyncGenerator<Batch, void, undefined> {
    for await (const request of requests) {
      await readmit(context);
      const { sequence, candidates } = read(request, tenant);
      let isCounted = false;
      const record = (): Promise<Recorded> => {
        if (!isCounted) spendOn(context, candidates);
        isCounted = true;
        return recordEvents(dependencies, tenant, candidates, signal);
      };
      yield { sequence, record };
    }
  };
  for await (const { sequence, results, position } of ingestStream(batches(), signal)) {
    yield { sequence, results: results.map(toEventResult), position };
  }
}

async function recordMany(
  dependencies: RecordingRouteDependencies,
  candidates: readonly CandidateEvent[],
  context: HandlerContext,
) {
  spendOn(context, candidates);
  const { results, position } = await recordEvents(
    dependencies,
    tenantOf(context),
    candidates,
    context.signal,
  );
  return { results: results.map(toEventResult), position };
}

/** Counts events against what their tenant may send; refused ones too, since they are kept in quarantine. */
function spendOn(context: HandlerContext, candidates: readonly CandidateEvent[]): void {
  const bytes = candidates.reduce((sum, it) => sum + (it.isRefused ? it.body : it.event.body).length, 0);
  spend(context, candidates.length, bytes);
}

/** The payload of an event; without a value it stands for none, which the check refuses. */
function payload<Case extends NonNullable<Event['payload']['case']>>(
  name: Case,
  value: Extract<Event['payload'], { case: Case }>['value'] | undefined,
): Event['payload'] {
  if (value === undefined) {
    throw invalidArgument([{ field: name, description: 'is required' }]);
  }
  return { case: name, value } as Extract<Event['payload'], { case: Case }>;
}

function refusal({ reason, message, violations }: Extract<CandidateEvent, { isRefused: true }>): DomainError {
  return new DomainError(message, { kind: 'invalid-argument', reason, violations });
}
