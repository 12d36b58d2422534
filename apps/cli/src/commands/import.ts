import { createWriteStream, statSync } from 'node:fs';
import { once } from 'node:events';
import cliProgress from 'cli-progress';
import { Code, ConnectError, type CallOptions } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { DomainError } from '@parley/errors';
import {
  importEvents,
  openFile,
  type ImportSummary,
  type ImportTarget,
  type Rejection,
} from '@parley/import';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson } from '../print.ts';
import { linesOf, previewCommand, type ForeignLogOptions } from './import-lines.ts';
import type { Session } from '../session.ts';

export interface ImportCommandOptions extends ForeignLogOptions {
  readonly tenant?: string;
  readonly createTenants?: boolean;
  readonly wait?: boolean;
  readonly acks?: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

/** How many rejections `--json` lists; all of them are on stderr. */
const listedRejections = 100;

/** How long one call may take, repeats after failures included: long enough for a server to come back. */
const callTimeoutMs = 60_000;
const patientAttempts = 1000;

/** How long `--wait` waits for the projections. */
const waitTimeoutMs = 600_000;

/** `parley import FILE`: sends a file's lines, says what became of them, and can be repeated at will. */
export async function importCommand(
  session: Session,
  file: string,
  options: ImportCommandOptions,
): Promise<ExitCode> {
  const lines = linesOf(openFile(file, session.stdin), options);
  if (options.dryRun) return previewCommand(session, lines, options.json ?? false);
  const rejections: Rejection[] = [];
  const progress = startProgress(session, file, options.json ?? false);
  const acks = options.acks === undefined ? undefined : createWriteStream(options.acks, { flags: 'a' });
  let summary: ImportSummary;
  try {
    summary = await importEvents(lines, {
      targetOf: createTargets(session, options),
      callOptions: { timeoutMs: callTimeoutMs, signal: session.signal },
      onProgress: (sofar, bytesRead) => progress.update(bytesRead, sofar),
      onAcknowledged: async (eventIds) => {
        // Written out before the next call, so that what the file says is never more than what is committed.
        if (acks && !acks.write(`${eventIds.join('\n')}\n`)) await once(acks, 'drain');
      },
      onRejected: (rejection) => {
        if (rejections.length < listedRejections) rejections.push(rejection);
        progress.say(`line ${rejection.line}: ${rejection.reason}: ${rejection.message}`);
      },
    });
  } finally {
    progress.stop();
    if (acks) await new Promise((resolve) => acks.end(resolve));
  }
  if (options.wait) await waitForProjections(session, summary);

  const { accepted, duplicates, rejected } = summary;
  if (options.json) {
    printJson(session.stdout, { lines: summary.lines, accepted, duplicates, rejected, rejections });
  } else {
    session.stdout.write(
      `${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected of ${summary.lines} lines\n`,
    );
  }
  return rejected > 0 ? exitCode.incomplete : exitCode.done;
}

/** Finds each tenant once, however many lines name it at the same time. */
function createTargets(session: Session, options: ImportCommandOptions) {
  const targets = new Map<string | undefined, Promise<ImportTarget>>();
  return (lineTenant: string | undefined): Promise<ImportTarget> => {
    const tenantName = options.tenant ?? lineTenant;
    const known = targets.get(tenantName);
    if (known) return known;
    const target = findTarget(session, tenantName, options.createTenants ?? false);
    targets.set(tenantName, target);
    return target;
  };
}

async function findTarget(
  session: Session,
  tenantName: string | undefined,
  create: boolean,
): Promise<ImportTarget> {
  const calls: CallOptions = { signal: session.signal };
  const asTenant = session.hasTenantKey ? undefined : tenantName;
  if (create && asTenant !== undefined) {
    await session
      .client(TenantService, 'ingestion')
      .createTenant({ name: asTenant }, calls)
      .catch((error: unknown) => {
        if (ConnectError.from(error).code !== Code.AlreadyExists) throw rejectTenant(error, asTenant);
      });
  }
  const { tenant } = await session
    .client(TenantService, 'ingestion', asTenant)
    .getTenant({}, calls)
    .catch((error: unknown) => {
      throw rejectTenant(error, tenantName);
    });
  if (tenantName !== undefined && tenant?.name !== tenantName) {
    throw new DomainError(`The key is not ${tenantName}’s, but ${tenant?.name}’s.`, {
      kind: 'permission-denied',
      reason: 'OTHER_TENANT',
    });
  }
  return {
    tenantName: asTenant,
    client: session.client(IngestionService, 'ingestion', asTenant, patientAttempts),
    currency: tenant?.currencyCode ?? 'USD',
  };
}

/** A tenant that is not there, or can't be, rejects its lines; anything else ends the import. */
function rejectTenant(error: unknown, tenantName: string | undefined): unknown {
  const { code, rawMessage } = ConnectError.from(error);
  if (code !== Code.NotFound && code !== Code.InvalidArgument) return error;
  if (tenantName === undefined) {
    return new DomainError('The line names no tenant; name one with --tenant.', {
      kind: 'invalid-argument',
      reason: 'NO_TENANT',
      cause: error,
    });
  }
  return new DomainError(`tenant ${tenantName}: ${rawMessage}`, {
    kind: 'invalid-argument',
    reason: code === Code.NotFound ? 'TENANT_NOT_FOUND' : 'INVALID_TENANT',
    cause: error,
  });
}

/** Returns when every projection holds everything that was taken. */
async function waitForProjections(session: Session, { positions }: ImportSummary): Promise<void> {
  const until = { timeoutMs: waitTimeoutMs, signal: session.signal };
  for (const [{ tenantName }, reached] of positions) {
    for (const minPosition of reached) {
      await Promise.all([
        session
          .client(IngestionService, 'ingestion', tenantName, patientAttempts)
          .listInteractions({ minPosition, pageSize: 1 }, until),
        session
          .client(MetricsService, 'metrics', tenantName, patientAttempts)
          .getOperationalKpis({ minPosition }, until),
      ]);
    }
  }
}

interface Progress {
  update(bytesRead: number, summary: Pick<ImportSummary, 'accepted' | 'duplicates' | 'rejected'>): void;
  say(message: string): void;
  stop(): void;
}

/** A bar on a terminal, nothing elsewhere; messages on stderr either way. */
function startProgress({ stderr }: Session, file: string, json: boolean): Progress {
  const size = file === '-' ? 0 : statSync(file).size;
  const bar =
    stderr.isTTY && size > 0
      ? new cliProgress.SingleBar(
          {
            stream: stderr as NodeJS.WritableStream,
            format:
              '{bar} {percentage}% | {accepted} accepted, {duplicates} duplicates, {rejected} rejected | {eta_formatted}',
            hideCursor: true,
          },
          cliProgress.Presets.shades_classic,
        )
      : undefined;
  bar?.start(size, 0, { accepted: 0, duplicates: 0, rejected: 0 });
  return {
    update: (bytesRead, { accepted, duplicates, rejected }) =>
      bar?.update(bytesRead, { accepted, duplicates, rejected }),
    say: (message) => {
      if (!bar || !json) stderr.write(`${message}\n`);
    },
    stop: () => bar?.stop(),
  };
}
