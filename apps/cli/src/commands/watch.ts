import { Code, ConnectError } from '@connectrpc/connect';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { sleep } from '@parley/runtime';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, dashboardJson, isKpiValue, snakeCase } from '../kpi-json.ts';
import { printJson } from '../print.ts';
import type { Session } from '../session.ts';
import { scopeOf, shown, type KpisOptions, type ScopeOptions } from './kpis.ts';

/** The server ends a stream in an hour; this comes back by itself. */
const streamMs = 3_600_000;
const firstPauseMs = 500;
const longestPauseMs = 10_000;
/** Without a message for so long it gives up. */
const patienceMs = 120_000;
const passing: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.ResourceExhausted,
];

/** `parley watch`: the last hour as it changes, a line for each change, until Ctrl-C. Lost streams are resumed. */
export async function watchCommand(
  session: Session,
  options: ScopeOptions & Pick<KpisOptions, 'tenant' | 'json'>,
): Promise<ExitCode> {
  const client = session.client(MetricsService, 'metrics', options.tenant);
  let resumeToken = '';
  let figures: object = {};
  let heardAt = performance.now();
  let pauseMs = firstPauseMs;
  while (!session.signal.aborted) {
    try {
      const request = { scope: scopeOf(options), resumeToken };
      const call = { signal: session.signal, timeoutMs: streamMs };
      for await (const response of client.watchRealTimeMetrics(request, call)) {
        ({ resumeToken } = response);
        heardAt = performance.now();
        pauseMs = firstPauseMs;
        const { metrics } = response;
        if (metrics === undefined) continue;
        figures = response.snapshot ? metrics : { ...figures, ...given(metrics) };
        if (options.json) {
          printJson(session.stdout, { ...dashboardJson(figures), ...contextJson(response.context) });
        } else {
          session.stdout.write(`${line(figures, session.now())}\n`);
        }
      }
    } catch (error) {
      if (session.signal.aborted) break;
      const { code, rawMessage } = ConnectError.from(error);
      if (!passing.includes(code) || performance.now() - heardAt > patienceMs) throw error;
      session.stderr.write(`The stream was lost (${rawMessage}); trying again.\n`);
    }
    // Cut short by Ctrl-C, which ends the loop.
    await sleep(pauseMs, session.signal).catch(() => undefined);
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
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
