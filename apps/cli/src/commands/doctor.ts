import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  CollectionService,
  Severity,
  type Finding,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { boundsOf } from '../window.ts';

export interface DoctorCommandOptions {
  readonly tenant?: string;
  readonly bot?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `parley doctor`: what is wrong with what the bots send, and what to do about it; 3 when something is critical. */
export async function doctorCommand(session: Session, options: DoctorCommandOptions): Promise<ExitCode> {
  const { tenant, bot = '', json = false } = options;
  const answer = await session
    .client(CollectionService, 'ingestion', tenant)
    .examineCollection(
      { botId: bot, ...(await boundsOf(session, tenant, options)) },
      { signal: session.signal },
    );
  const other = answer.otherBots;
  const isCritical = [answer, ...answer.bots]
    .flatMap(({ findings }) => findings)
    .some(({ severity }) => severity === Severity.CRITICAL);
  if (json) {
    printJson(session.stdout, {
      critical: isCritical,
      bots: answer.bots.map((each) => ({
        bot_id: each.botId,
        last_received_at: each.lastReceivedAt ? timestampDate(each.lastReceivedAt).toISOString() : '',
        interaction_count: each.interactionCount,
        longest_gap_start: each.longestGap?.start ? timestampDate(each.longestGap.start).toISOString() : '',
        longest_gap_end: each.longestGap?.end ? timestampDate(each.longestGap.end).toISOString() : '',
        null_rates: each.nullRates.map(({ field, nullCount, eventCount }) => ({
          field,
          null_count: nullCount,
          event_count: eventCount,
        })),
        has_clock_skew: each.clockSkewMs !== undefined,
        clock_skew_ms: each.clockSkewMs ?? 0,
        unknown_intents: each.unknownIntents,
        future_count: each.futureCount,
        ancient_count: each.ancientCount,
        uncompleted_count: each.uncompletedCount,
        duplicate_count: each.duplicateCount,
        conflict_count: each.conflictCount,
        rejected_count: each.rejectedCount,
        refused_count: each.refusedCount,
        findings: each.findings.map(findingJson),
      })),
      other_bots: {
        accepted_count: other?.acceptedCount ?? 0,
        duplicate_count: other?.duplicateCount ?? 0,
        conflict_count: other?.conflictCount ?? 0,
        rejected_count: other?.rejectedCount ?? 0,
        refused_count: other?.refusedCount ?? 0,
      },
      findings: answer.findings.map(findingJson),
      duplicate_count: answer.duplicateCount,
      quarantined_count: answer.quarantinedCount,
      refused_count: answer.refusedCount,
    });
  } else {
    const rows = [
      ...answer.findings.map((finding) => ['(all)', finding] as const),
      ...answer.bots.flatMap(({ botId, findings }) => findings.map((finding) => [botId, finding] as const)),
    ];
    printTable(
      session.stdout,
      ['bot', 'severity', 'finding', 'what was seen'],
      rows.map(([botId, { severity, code, evidence }]) => [botId, severityName(severity), code, evidence]),
    );
    const advice = new Set(rows.map(([, finding]) => `${finding.code}: ${finding.advice}`));
    for (const text of advice) session.stdout.write(`\n${text}\n`);
    if (other !== undefined) {
      session.stdout.write(
        `\nother bots: ${other.acceptedCount} events accepted, ${other.duplicateCount} duplicates, ` +
          `${other.conflictCount} conflicts, ${other.rejectedCount} rejected, ${other.refusedCount} refused\n`,
      );
    }
    session.stdout.write(
      `\n${answer.bots.length} bots, ${answer.duplicateCount} duplicates, ${answer.quarantinedCount} in quarantine, ` +
        `${answer.refusedCount} refused for want of consent\n`,
    );
  }
  return isCritical ? exitCode.incomplete : exitCode.done;
}

function findingJson({ code, severity, evidence, advice }: Finding) {
  return { code, severity: severityName(severity), evidence, advice };
}

function severityName(severity: Severity): string {
  switch (severity) {
    case Severity.CRITICAL:
      return 'critical';
    case Severity.WARNING:
      return 'warning';
    case Severity.INFO:
      return 'info';
    default:
      return 'unspecified';
  }
}
