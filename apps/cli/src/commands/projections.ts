import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  ProjectionService,
  type ParkedEvent,
  type Projection,
  type VerifyProjectionResponse,
} from '@parley/contracts/parley/projection/v1/projection_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { ServiceName, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
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

/** `parley verify`: every projection computed once more from the log and compared; exit 3 when anything differs. */
export async function verifyCommand(
  session: Session,
  name: string | undefined,
  { json }: JsonOption,
): Promise<ExitCode> {
  const verified = [];
  for (const { projection, at } of await findProjections(session, name)) {
    const last = await follow(
      session,
      `verifying ${projection.name}`,
      session
        .client(ProjectionService, at)
        .verifyProjection({ name: projection.name }, { signal: session.signal, timeoutMs: longTimeoutMs }),
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
    examples: last.differences.map(({ table, actual, expected }) => ({ table, actual, expected })),
  };
}
