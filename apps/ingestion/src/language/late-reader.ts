import { hash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventSchema, Sentiment, UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Understanding } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { sleep } from '@parley/runtime';
import type { Logger, Now } from '@parley/runtime';
import { readStateOf } from '../event-content/unread-text.ts';
import type { EventLog, NewEvent } from '../event-log/event-log.ts';
import type { ReachFailpoint } from '../event-log/failpoint.ts';
import type { TenantPlace } from '../storage/language-store.ts';
import { holdSeconds } from '../storage/reading-cursors.ts';
import type { ReadingCursors } from '../storage/reading-cursors.ts';
import type { EndpointReading, Question } from './ask-endpoint.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import type { ModelEndpoint } from './intent-model-record.ts';
import type { TenantReader } from './tenant-reader.ts';

export interface LateReaderDependencies {
  readonly log: EventLog;
  readonly cursors: ReadingCursors;
  readonly reader: TenantReader;
  /** Asks a tenant's own model, once. */
  readonly ask: (
    endpoint: ModelEndpoint,
    questions: readonly Question[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, EndpointReading>>;
  readonly now: Now;
  readonly logger: Logger;
  readonly reach: ReachFailpoint;
}

/** An interaction that lacks what its producer could have said. */
interface Unread extends TenantPlace {
  readonly interactionId: string;
  readonly interactionKey: string;
  readonly botId: string;
  readonly text: string;
  readonly wantsIntent: boolean;
  readonly wantsSentiment: boolean;
  readonly hasUnderstanding: boolean;
}

const batchSize = 500;
const lookEveryMs = 2_000;
const saveEveryMs = 2_000;
const questionsAtOnce = 100;
const attempts = 2;
/** Over some ten seconds, in which a thread or a database comes back. */
const readAttempts = 5;
const readAgainMs = 1_000;
const readOptions = { maxWaiting: 8_000_000, timeoutMs: 30_000 };

/**
 * Follows the log and reads what was not read on its way in, then asks the tenant's own model where there is one. What is
 * read becomes an enrichment, written by the log's own append before the cursor moves on: nothing is left out when the
 * process is killed, at most the last batch is asked for again, and its enrichments are the same events then.
 */
export function startLateReader(dependencies: LateReaderDependencies): { close(): Promise<void> } {
  const { log, cursors, reader, ask, now, logger, reach } = dependencies;
  const closing = new AbortController();
  const { signal } = closing;
  const breaker = createCircuitBreaker({ failures: 3, pauseMs: 30_000, now });
  const following = new Map<number, Promise<void>>();

  async function look(): Promise<void> {
    while (!signal.aborted) {
      try {
        for (const partition of (await log.heads(signal)).keys()) {
          if (following.has(partition)) continue;
          const offset = await cursors.hold(partition);
          if (offset === undefined) continue;
          following.set(
            partition,
            follow(partition, offset).finally(() => following.delete(partition)),
          );
        }
      } catch (error) {
        if (!signal.aborted) logger.debug({ error }, 'partitions to read can not be taken now');
      }
      await pause(lookEveryMs);
    }
  }

  async function follow(partition: number, afterOffset: bigint): Promise<void> {
    const lost = new AbortController();
    const ended = AbortSignal.any([signal, lost.signal]);
    const renewal = setInterval(
      () => {
        cursors
          .hold(partition)
          .then((held) => held === undefined && lost.abort())
          .catch(() => lost.abort());
      },
      (holdSeconds * 1_000) / 3,
    );
    // Where nothing was written the cursor is kept up now and then: what is looked through twice costs little.
    let seen: bigint | undefined;
    const saving = setInterval(() => {
      if (seen === undefined) return;
      const offset = seen;
      seen = undefined;
      cursors
        .advance(partition, offset)
        .then((isHeld) => !isHeld && lost.abort())
        .catch(() => lost.abort());
    }, saveEveryMs);
    try {
      for await (const { events } of log.tail({
        partition,
        afterOffset,
        maxBatchSize: batchSize,
        signal: ended,
      })) {
        const last = events.at(-1);
        if (last === undefined) continue;
        if (!(await readLate(partition, events, ended))) {
          seen = last.offset;
          continue;
        }
        seen = undefined;
        if (!(await cursors.advance(partition, last.offset))) return;
      }
    } catch (error) {
      if (!ended.aborted) logger.warn({ error, partition }, 'reading has stopped, and is taken up again');
    } finally {
      clearInterval(renewal);
      clearInterval(saving);
    }
  }

  /** Whether anything was asked or written. */
  async function readLate(
    partition: number,
    events: readonly LogEvent[],
    ended: AbortSignal,
  ): Promise<boolean> {
    const byTenant = Map.groupBy(unreadOf(partition, events), ({ tenantId }) => tenantId);
    const outcomes = await Promise.all(
      Array.from(byTenant.values(), (unread) =>
        readOfTenant({ partition, tenantId: unread[0]?.tenantId ?? '' }, unread, ended),
      ),
    );
    return outcomes.includes(true);
  }

  async function readOfTenant(
    tenant: TenantPlace,
    all: readonly Unread[],
    ended: AbortSignal,
  ): Promise<boolean> {
    const { endpoint } = await reader.settingsOf(tenant);
    const unread = all.filter(({ hasUnderstanding }) => !hasUnderstanding);
    const understandings = await readPatiently(tenant, unread, ended);
    await append(
      unread.flatMap((interaction, index) => {
        const bytes = understandings[index];
        return bytes === undefined ? [] : [toEnrichment(interaction, fromBinary(UnderstandingSchema, bytes))];
      }),
      ended,
    );
    if (endpoint === undefined) return unread.length > 0;
    for (let from = 0; from < all.length; from += questionsAtOnce) {
      const some = all.slice(from, from + questionsAtOnce);
      const readings = await askPatiently(tenant, endpoint, some, ended);
      await append(
        some.flatMap((interaction) => {
          const reading = readings.get(interaction.interactionId);
          const understanding = reading && toUnderstanding(interaction, reading, endpoint.modelVersion);
          return understanding === undefined ? [] : [toEnrichment(interaction, understanding)];
        }),
        ended,
      );
    }
    return true;
  }

  /** Empty where these texts can't be read: they hold up no others. */
  async function readPatiently(
    tenant: TenantPlace,
    unread: readonly Unread[],
    ended: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await reader.read(tenant, unread, readOptions);
      } catch (error) {
        ended.throwIfAborted();
        if (attempt < readAttempts) await sleep(readAgainMs * attempt, ended);
        else {
          logger.error({ error, tenantId: tenant.tenantId }, 'interactions stay unread');
          return [];
        }
      }
    }
  }

  /** Empty where the model does not answer: then what was read before stays. */
  async function askPatiently(
    { tenantId }: TenantPlace,
    endpoint: ModelEndpoint,
    unread: readonly Unread[],
    ended: AbortSignal,
  ): Promise<ReadonlyMap<string, EndpointReading>> {
    const questions = unread.map(({ interactionId, text, botId }) => ({ id: interactionId, text, botId }));
    for (let attempt = 1; attempt <= attempts && breaker.allows(tenantId); attempt += 1) {
      try {
        const readings = await ask(endpoint, questions, ended);
        breaker.succeeded(tenantId);
        return readings;
      } catch (error) {
        ended.throwIfAborted();
        breaker.failed(tenantId);
        logger.info({ error, tenantId, attempt }, 'a tenant’s own model does not answer');
        if (attempt < attempts) await sleep(100 * attempt, ended);
      }
    }
    return new Map();
  }

  async function append(enrichments: readonly NewEvent[], ended: AbortSignal): Promise<void> {
    if (enrichments.length === 0) return;
    reach('reading:read');
    await log.append(enrichments, ended);
    reach('reading:written');
  }

  function pause(ms: number): Promise<void> {
    return sleep(ms, signal).catch(() => undefined);
  }

  const looking = look();
  return {
    async close() {
      closing.abort();
      await looking;
      await Promise.allSettled(following.values());
      // Else another process waits until it has run out.
      await cursors
        .release()
        .catch((error: unknown) => logger.debug({ error }, 'cursors were not given back'));
    },
  };
}

function unreadOf(partition: number, events: readonly LogEvent[]): readonly Unread[] {
  return events.flatMap(({ kind, body, tenantId, eventKey }) => {
    if (kind !== eventKinds.interaction || body === undefined) return [];
    const { hasText, hasIntent, hasSentiment, hasUnderstanding } = readStateOf(body);
    if (!hasText || (hasIntent && hasSentiment)) return [];
    const { eventId, payload } = fromBinary(EventSchema, body);
    if (payload.case !== 'interaction') return [];
    const { messageText: text, botId } = payload.value;
    const wantsIntent = !hasIntent;
    const wantsSentiment = !hasSentiment;
    return {
      partition,
      tenantId,
      interactionId: eventId,
      interactionKey: eventKey,
      botId,
      text,
      wantsIntent,
      wantsSentiment,
      hasUnderstanding,
    };
  });
}

const sentiments = {
  positive: Sentiment.POSITIVE,
  neutral: Sentiment.NEUTRAL,
  negative: Sentiment.NEGATIVE,
} as const;

/** Only what the producer did not say; undefined where nothing is left. */
function toUnderstanding(
  { wantsIntent, wantsSentiment }: Unread,
  { intent, intentConfidence, sentiment, sentimentScore }: EndpointReading,
  modelVersion: string,
): Understanding | undefined {
  const saysIntent = wantsIntent && intent !== undefined;
  const saysSentiment = wantsSentiment && sentiment !== undefined;
  if (!saysIntent && !saysSentiment) return undefined;
  return create(UnderstandingSchema, {
    ...(saysIntent && { intent, bestIntent: intent, intentConfidence: intentConfidence ?? 0 }),
    ...(saysSentiment && { sentiment: sentiments[sentiment], sentimentScore: sentimentScore ?? 0 }),
    modelVersion,
  });
}

/** The same event for the same interaction and model, so that what is read again counts once. */
function toEnrichment(
  { partition, tenantId, interactionId, interactionKey }: Unread,
  understanding: Understanding,
): NewEvent {
  const eventId = `${interactionKey} read by ${understanding.modelVersion}`;
  const body = toBinary(
    EventSchema,
    create(EventSchema, {
      eventId,
      payload: { case: 'enrichment', value: { interactionId, understanding } },
    }),
  );
  return {
    partition,
    tenantId,
    kind: eventKinds.enrichment,
    eventKey: eventKeyOf(eventId),
    fingerprint: hash('sha256', body, 'buffer').readBigInt64BE(0),
    occurredAt: undefined,
    body,
    // Read twice, by a model that may have changed its mind: the first reading stays.
    sameContentAs: () => true,
  };
}
