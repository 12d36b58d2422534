import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  ProjectionService,
  type ParkedEvent,
  type Projection,
  type ProjectionVerification,
  type VerifyProjectionResponse,
} from '@parley/contracts/parley/projection/v1/projection_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { ServiceName, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { boundsOf, type WindowOptions } from '../window.ts';
import type { JsonOption } from './tenants.ts';

/** How long a verification or a rebuild may take. */
const longTimeoutMs = 6 * 3_600_000;

interface Located {
  readonly projection: Projection;
  readonly at: ServiceName;
}

/** `parley projections`: how far each projection is. */
export async function listProjectionsCommand(session: Session, { json }: JsonOption): Promise<ExitCode> {
  const projections = (await findProjections(session)).map(({ projection }) => projectionJson(projection));
  if (json) printJson(session.stdout, { projections });
  else {
    printTable(
      session.stdout,
      ['projection', 'version', 'generation', 'behind', 'lag', 'parked'],
      projections.map((projection) => [
        projection.name,
        String(projection.version),
        String(projection.generation),
        `${projection.partitions.reduce((sum, { position, head_offset: head }) => sum + Math.max(0, head - position), 0)} events`,
        `${Math.max(0, ...projection.partitions.map(({ lag_ms: lag }) => lag))} ms`,
        String(projection.parked_count),
      ]),
    );
  }
  return exitCode.done;
}

export interface VerifyOptions extends JsonOption, Pick<WindowOptions, 'from' | 'to' | 'timeZone'> {
  readonly tenant?: string;
}

/** `parley verify`: every projection computed once more from the log and compared; exit 3 when anything differs. */
export async function verifyCommand(
  session: Session,
  name: string | undefined,
  options: VerifyOptions,
): Promise<ExitCode> {
  const { json } = options;
  const range = await rangeOf(session, options);
  const verified = [];
  for (const { projection, at } of await findProjections(session, name)) {
    const last = await follow(
      session,
      `verifying ${projection.name}`,
      session
        .client(ProjectionService, at)
        .verifyProjection(
          { name: projection.name, ...range },
          { signal: session.signal, timeoutMs: longTimeoutMs },
        ),
    );
    verified.push(verificationJson(projection.name, last));
  }
  const differences = verified.reduce((sum, projection) => sum + projection.differences, 0);
  if (json) printJson(session.stdout, { projections: verified });
  else {
    printTable(
      session.stdout,
      ['projection', 'events', 'rows', 'differences'],
      verified.map(({ name: verifiedName, events, rows, differences: count }) =>
        [verifiedName, events, rows, count].map(String),
      ),
    );
    for (const example of verified.flatMap(({ examples }) => examples)) {
      session.stdout.write(
        `${example.table}\n  is        ${example.actual}\n  should be ${example.expected}\n`,
      );
    }
  }
  return differences === 0 ? exitCode.done : exitCode.incomplete;
}

/** What is compared; all unless told. */
async function rangeOf(session: Session, options: VerifyOptions) {
  const { windowStart, windowEnd } = await boundsOf(session, options.tenant, {
    timeZone: 'UTC',
    ...options,
  });
  const { tenant } =
    options.tenant === undefined
      ? {}
      : await session
          .client(TenantService, 'ingestion', options.tenant)
          .getTenant({}, { signal: session.signal });
  return {
    ...(windowStart !== undefined && { bucketFrom: windowStart }),
    ...(windowEnd !== undefined && { bucketTo: windowEnd }),
    tenantId: tenant?.tenantId ?? '',
  };
}

/** `parley verifications`: what the verifications at night have found; exit 3 when the last one found something. */
export async function listVerificationsCommand(session: Session, { json }: JsonOption): Promise<ExitCode> {
  const found: ProjectionVerification[] = [];
  for (const { services } of session.addresses()) {
    const client = session.client(ProjectionService, services[0] ?? 'ingestion');
    found.push(...(await client.listVerifications({}, { signal: session.signal })).verifications);
  }
  const rows = found.map((one) => ({
    name: one.name,
    night: one.night,
    started_at: one.startedAt ? timestampDate(one.startedAt).toISOString() : null,
    ended_at: one.endedAt ? timestampDate(one.endedAt).toISOString() : null,
    events: Number(one.eventCount),
    rows: Number(one.rowCount),
    differences: Number(one.differenceCount),
    error: one.error,
  }));
  if (json) printJson(session.stdout, { verifications: rows });
  else {
    printTable(
      session.stdout,
      ['projection', 'night', 'ended', 'events', 'rows', 'differences', 'error'],
      rows.map((row) =>
        [
          row.name,
          row.night,
          row.ended_at ?? 'not yet',
          row.events,
          row.rows,
          row.differences,
          row.error,
        ].map(String),
      ),
    );
  }
  const latest = new Map(rows.toReversed().map((row) => [row.name, row]));
  return [...latest.values()].every(({ differences }) => differences === 0)
    ? exitCode.done
    : exitCode.incomplete;
}

/** `parley rebuild NAME`: computed once more from the log beside the running one, then put in its place. */
export async function rebuildCommand(
  session: Session,
  name: string,
  { json }: JsonOption,
): Promise<ExitCode> {
  for (const { at } of await findProjections(session, name)) {
    const { generation, eventCount } = await follow(
      session,
      `rebuilding ${name}`,
      session
        .client(ProjectionService, at)
        .rebuildProjection({ name }, { signal: session.signal, timeoutMs: longTimeoutMs }),
    );
    if (json) printJson(session.stdout, { name, generation, events: Number(eventCount) });
    else session.stdout.write(`${name} answers from generation ${generation} now.\n`);
  }
  return exitCode.done;
}

/** `parley parked`: events that a projection could not take. */
export async function listParkedCommand(session: Session, { json }: JsonOption): Promise<ExitCode> {
  const parked: ParkedEvent[] = [];
  for (const { services } of session.addresses()) {
    const client = session.client(ProjectionService, services[0] ?? 'ingestion');
    for (let pageToken = ''; ;) {
      const page = await client.listParkedEvents({ pageToken }, { signal: session.signal });
      parked.push(...page.parkedEvents);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
  }
  const rows = parked.map((event) => ({
    name: event.name,
    partition: event.partition,
    log_offset: Number(event.logOffset),
    attempts: event.attemptCount,
    parked_at: event.parkedAt ? timestampDate(event.parkedAt).toISOString() : null,
    error: event.error,
  }));
  if (json) printJson(session.stdout, { parked_events: rows });
  else {
    printTable(
      session.stdout,
      ['projection', 'partition', 'offset', 'attempts', 'parked', 'error'],
      rows.map((row) =>
        [row.name, row.partition, row.log_offset, row.attempts, row.parked_at ?? '', row.error].map(String),
      ),
    );
  }
  return exitCode.done;
}

/** `parley replay NAME`: lets a projection try its parked events again; exit 3 when some are still parked. */
export async function replayCommand(session: Session, name: string, { json }: JsonOption): Promise<ExitCode> {
  let replayed = 0;
  let parked = 0;
  for (const { at } of await findProjections(session, name)) {
    const answer = await session
      .client(ProjectionService, at)
      .replayParkedEvents({ name }, { signal: session.signal, timeoutMs: longTimeoutMs });
    replayed += Number(answer.replayedCount);
    parked += Number(answer.parkedCount);
  }
  if (json) printJson(session.stdout, { name, replayed, parked });
  else session.stdout.write(`${replayed} replayed, ${parked} still parked\n`);
  return parked === 0 ? exitCode.done : exitCode.incomplete;
}

async function findProjections(session: Session, name?: string): Promise<Located[]> {
  const located: Located[] = [];
  for (const { services } of session.addresses()) {
    const at = services[0] ?? 'ingestion';
    const { projections } = await session
      .client(ProjectionService, at)
      .listProjections({}, { signal: session.signal });
    located.push(...projections.map((projection) => ({ projection, at })));
  }
  if (name === undefined) return located;
  const named = located.filter(({ projection }) => projection.name === name);
  if (named.length === 0) {
    throw new UsageError(
      `There is no projection ${name}; there are ${located.map(({ projection }) => projection.name).join(', ')}.`,
    );
  }
  return named;
}

/** The last message of a stream of steps, with a line of progress on a terminal. */
async function follow<Step extends { eventCount: bigint; totalEventCount: bigint; done: boolean }>(
  { stderr }: Session,
  what: string,
  steps: AsyncIterable<Step>,
): Promise<Step> {
  let last: Step | undefined;
  for await (const step of steps) {
    last = step;
    if (stderr.isTTY) stderr.write(`\r${what}: ${step.eventCount} of ${step.totalEventCount} events`);
  }
  if (stderr.isTTY) stderr.write('\n');
  if (!last?.done) throw new Error(`${what}: the answer ended before it was done`);
  return last;
}

function projectionJson(projection: Projection) {
  return {
    name: projection.name,
    version: projection.version,
    generation: projection.generation,
    parked_count: Number(projection.parkedCount),
    rebuild_progress: projection.rebuildProgress ?? null,
    partitions: projection.partitions.map((partition) => ({
      partition: partition.partition,
      position: Number(partition.position),
      head_offset: Number(partition.headOffset),
      complete_to: partition.completeTo ? timestampDate(partition.completeTo).toISOString() : null,
      lag_ms: Number(partition.lagMs),
    })),
  };
}

function verificationJson(name: string, last: VerifyProjectionResponse) {
  return {
    name,
    differences: Number(last.differenceCount),
    rows: Number(last.rowCount),
    events: Number(last.eventCount),
    buckets: last.bucketDifferences.map((bucket) => ({
      table: bucket.table,
      tenant_id: bucket.tenantId,
      bucket_start: bucket.bucketStart ? timestampDate(bucket.bucketStart).toISOString() : null,
      actual: { rows: Number(bucket.actualRowCount), hash: bucket.actualHash },
      expected: { rows: Number(bucket.expectedRowCount), hash: bucket.expectedHash },
    })),
    examples: last.differences.map(({ table, actual, expected }) => ({ table, actual, expected })),
  };
}
