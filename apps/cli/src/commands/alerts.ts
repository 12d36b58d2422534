import { timestampDate } from '@bufbuild/protobuf/wkt';
import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import type { Alert } from '@parley/contracts/parley/metrics/v1/alert_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { followStream } from '../follow-stream.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface AlertsOptions {
  readonly tenant?: string;
  readonly bot?: string;
  readonly open?: boolean;
  readonly watch?: boolean;
  readonly limit?: string;
  readonly json?: boolean;
}

const pageSize = 500;

/** `parley alerts`: the latest first; with `--watch` as they begin and end, a line for each, until Ctrl-C. */
export async function alertsCommand(session: Session, options: AlertsOptions): Promise<ExitCode> {
  const { tenant, bot: botId = '', open: openOnly = false, watch, limit: limitText = '100', json } = options;
  if (watch === true) return watchAlerts(session, options);
  if (!/^[1-9]\d{0,6}$/.test(limitText)) throw new UsageError('--limit must be a whole number above 0.');
  const limit = Number(limitText);
  const client = session.client(AlertService, 'metrics', tenant);
  const alerts: Alert[] = [];
  let pageToken = '';
  do {
    const request = { botId, openOnly, pageSize: Math.min(limit - alerts.length, pageSize), pageToken };
    const page = await client.listAlerts(request, { signal: session.signal });
    alerts.push(...page.alerts);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && alerts.length < limit);
  if (json) printJson(session.stdout, { alerts: alerts.map(alertJson) });
  else if (alerts.length === 0) session.stdout.write('There are none.\n');
  else {
    printTable(
      session.stdout,
      ['began', 'ended', 'severity', 'bot', 'objective', 'evidence'],
      alerts
        .map(alertJson)
        .map((it) => [
          it.started_at ?? '',
          it.ended_at ?? 'open',
          it.severity,
          it.bot_id,
          it.objective,
          it.evidence,
        ]),
    );
  }
  return exitCode.done;
}

async function watchAlerts(
  session: Session,
  { tenant, bot: botId = '', json }: AlertsOptions,
): Promise<ExitCode> {
  const client = session.client(AlertService, 'metrics', tenant);
  await followStream(
    session,
    (resumeToken, call) => client.watchAlerts({ botId, resumeToken }, call),
    (response) => {
      if (response.alert === undefined) return;
      const alert = alertJson(response.alert);
      if (json) printJson(session.stdout, alert);
      else session.stdout.write(`${line(alert)}\n`);
    },
  );
  return exitCode.done;
}

function line({ started_at, ended_at, severity, bot_id, objective, evidence }: ReturnType<typeof alertJson>) {
  return ended_at === null
    ? `${started_at}  ${severity} began  ${bot_id}  ${objective}: ${evidence}`
    : `${ended_at}  ${severity} ended  ${bot_id}  ${objective}, open since ${started_at}`;
}

function alertJson({ alertId, botId, objective, severity, evidence, startedAt, endedAt }: Alert) {
  return {
    alert_id: alertId,
    bot_id: botId,
    objective,
    severity,
    evidence,
    started_at: startedAt ? timestampDate(startedAt).toISOString() : null,
    ended_at: endedAt ? timestampDate(endedAt).toISOString() : null,
  };
}
