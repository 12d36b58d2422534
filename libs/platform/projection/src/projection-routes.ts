import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { invalidArgument } from '@parley/errors';
import type { AccessPolicy, Routes } from '@parley/rpc';
import type { ParkedEvent, ParkedEventKey } from './parked-events.ts';
import type { ProjectionRuntime } from './projection-runtime.ts';
import { noProjection } from './projection-runtime.ts';
import type { ProjectionStatus } from './projection-status.ts';
import type { NightlyVerification } from './verifications.ts';
import type { VerificationResult } from './verify-projection.ts';

/** ProjectionService is for the operator, who speaks for no tenant there. */
export const projectionAccess: AccessPolicy = {
  [ProjectionService.typeName]: { callers: ['operator'], tenant: 'none' },
};

const defaultPageSize = 50;
const maxPageSize = 1_000;

/** Serves ProjectionService for all projections of this process, which may be those of several services. */
export function projectionRoutes(runtimes: readonly ProjectionRuntime[]): Routes {
  const runtimeOf = (name: string): ProjectionRuntime => {
    const runtime = runtimes.find((other) => other.has(name));
    if (runtime === undefined) throw noProjection(name);
    return runtime;
  };

  return (router) => {
    router.service(ProjectionService, {
      async listProjections() {
        const lists = await Promise.all(runtimes.map((runtime) => runtime.list()));
        const projections = lists.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
        return { projections: projections.map(toProjection) };
      },

      async *verifyProjection({ name, bucketFrom, bucketTo, tenantId }, { signal }) {
        const range = rangeOf(bucketFrom && timestampDate(bucketFrom), bucketTo && timestampDate(bucketTo));
        const asked = { ...range, ...(tenantId !== '' && { tenantId }) };
        for await (const step of runtimeOf(name).verify(name, signal, asked)) {
          const { eventCount, totalEventCount, result } = step;
          yield { eventCount, totalEventCount, done: result !== undefined, ...(result && toOutcome(result)) };
        }
      },

      async listVerifications({ name, pageSize }) {
        const limit = Math.min(pageSize || defaultPageSize, maxPageSize);
        const asked = name === '' ? runtimes : [runtimeOf(name)];
        const lists = await Promise.all(asked.map((runtime) => runtime.listNights(name || undefined, limit)));
        const found = lists.flat().sort((a, b) => (a.night === b.night ? 0 : a.night < b.night ? 1 : -1));
        return { verifications: found.slice(0, limit).map(toVerification) };
      },

      async *rebuildProjection({ name }, { signal }) {
        for await (const { isDone, ...step } of runtimeOf(name).rebuild(name, signal)) {
          yield { ...step, done: isDone };
        }
      },

      async listParkedEvents({ name, pageSize, pageToken }) {
        const limit = Math.min(pageSize || defaultPageSize, maxPageSize);
        const page = { name: name || undefined, after: openPageToken(pageToken, name), limit: limit + 1 };
        const asked = name === '' ? runtimes : [runtimeOf(name)];
        const lists = await Promise.all(asked.map((runtime) => runtime.listParked(page)));
        const found = lists.flat().sort(latestFirst);
        const events = found.slice(0, limit);
        const last = events.at(-1);
        return {
          parkedEvents: events.map(toParkedEvent),
          nextPageToken: found.length > limit && last !== undefined ? pageTokenAfter(last, name) : '',
        };
      },

      async replayParkedEvents({ name }, { signal }) {
        const { replayedCount, parkedCount } = await runtimeOf(name).replayParked(name, signal);
        return { replayedCount: BigInt(replayedCount), parkedCount: BigInt(parkedCount) };
      },
    });
  };
}

function toProjection({
  name,
  version,
  generation,
  partitions,
  parkedCount,
  rebuildProgress,
}: ProjectionStatus) {
  return {
    name,
    version,
    generation,
    parkedCount,
    ...(rebuildProgress === undefined ? {} : { rebuildProgress }),
    partitions: partitions.map(({ partition, position, headOffset, completeTo, lagMs }) => ({
      partition,
      position,
      headOffset,
      lagMs: BigInt(Math.round(lagMs)),
      ...(completeTo === undefined ? {} : { completeTo: timestampFromDate(completeTo) }),
    })),
  };
}

/** @throws DomainError `invalid-argument` when it ends before it begins. */
function rangeOf(from: Date | undefined, to: Date | undefined) {
  if (from !== undefined && to !== undefined && to <= from) {
    const description = 'must be after bucket_from';
    throw invalidArgument([{ field: 'bucket_to', description, reason: 'INVALID_RANGE' }]);
  }
  return { from, to };
}

function toVerification({ projection, startedAt, endedAt, ...rest }: NightlyVerification) {
  return {
    name: projection,
    ...rest,
    startedAt: timestampFromDate(startedAt),
    ...(endedAt !== null && { endedAt: timestampFromDate(endedAt) }),
  };
}

function toOutcome({ rowCount, differenceCount, differences, buckets, sealed }: VerificationResult) {
  return {
    bucketDifferences: buckets.map(({ table, tenantId, start, actual, expected }) => ({
      table,
      tenantId,
      bucketStart: timestampFromDate(start),
      actualRowCount: BigInt(actual.rowCount),
      actualHash: actual.hash,
      expectedRowCount: BigInt(expected.rowCount),
      expectedHash: expected.hash,
    })),
    rowCount: BigInt(rowCount),
    differenceCount: BigInt(differenceCount),
    differences: differences.map(({ table, actual = '', expected = '' }) => ({ table, actual, expected })),
    sealed: sealed.map(({ partition, tenantId, occurredBefore }) => ({
      partition,
      tenantId,
      occurredBefore: timestampFromDate(occurredBefore),
    })),
  };
}

function toParkedEvent({ projection, partition, offset, error, attemptCount, parkedAt }: ParkedEvent) {
  return {
    name: projection,
    partition,
    logOffset: offset,
    error,
    attemptCount,
    parkedAt: timestampFromDate(parkedAt),
  };
}

/** As the database orders them. */
function latestFirst(a: ParkedEventKey, b: ParkedEventKey): number {
  const newer = b.parkedAt.getTime() - a.parkedAt.getTime();
  if (newer !== 0) return newer;
  if (a.projection !== b.projection) return a.projection < b.projection ? 1 : -1;
  if (a.partition !== b.partition) return b.partition - a.partition;
  return a.offset < b.offset ? 1 : -1;
}

/** The key of the last event, with the filter under which it was found. */
function pageTokenAfter({ parkedAt, projection, partition, offset }: ParkedEventKey, name: string): string {
  const fields = [name, parkedAt.toISOString(), projection, String(partition), offset.toString()];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

function openPageToken(token: string, name: string): ParkedEventKey | undefined {
  if (token === '') return undefined;
  const fields = parseTextList(Buffer.from(token, 'base64url').toString());
  const [filter, parkedAt = '', projection = '', partition = '', offset = ''] = fields;
  const at = new Date(parkedAt);
  if (
    filter !== name ||
    Number.isNaN(at.getTime()) ||
    !/^\d{1,9}$/.test(partition) ||
    !/^\d{1,18}$/.test(offset)
  ) {
    throw invalidArgument([
      {
        field: 'page_token',
        description: 'must be the next_page_token of the answer before, with the same name',
        reason: 'INVALID_PAGE_TOKEN',
      },
    ]);
  }
  return { parkedAt: at, projection, partition: Number(partition), offset: BigInt(offset) };
}

/** Empty for anything that is no JSON list of texts. */
function parseTextList(json: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : [];
  } catch {
    return [];
  }
}
