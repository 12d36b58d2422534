import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { followStream } from '../follow-stream.ts';
import { contextJson, dashboardJson, isKpiValue, snakeCase } from '../kpi-json.ts';
import { printJson } from '../print.ts';
import type { Session } from '../session.ts';
import { scopeOf, shown, type KpisOptions, type ScopeOptions } from './kpis.ts';

/** `parley watch`: the last hour as it changes, a line for each change, until Ctrl-C. Lost streams are resumed. */
export async function watchCommand(
  session: Session,
  options: ScopeOptions & Pick<KpisOptions, 'tenant' | 'json'>,
): Promise<ExitCode> {
  const client = session.client(MetricsService, 'metrics', options.tenant);
  let figures: object = {};
  await followStream(
    session,
    (resumeToken, call) => client.watchRealTimeMetrics({ scope: scopeOf(options), resumeToken }, call),
    ({ metrics, snapshot, context }) => {
      if (metrics === undefined) return;
      figures = snapshot ? metrics : { ...figures, ...given(metrics) };
      if (options.json) printJson(session.stdout, { ...dashboardJson(figures), ...contextJson(context) });
      else session.stdout.write(`${line(figures, session.now())}\n`);
    },
  );
  return exitCode.done;
}

/** What a message says, without what it leaves out. */
function given(metrics: object): object {
  return Object.fromEntries(
    Object.entries(metrics).filter(([, value]) => typeof value === 'object' && value !== null),
  );
}

function line(figures: object, at: Date): string {
  const parts = Object.entries(figures).flatMap(([field, value]: [string, unknown]) =>
    isKpiValue(value) ? [`${snakeCase(field)} ${shown(value)}`] : [],
  );
  return `${at.toISOString()}  ${parts.join('  ')}`;
}
