import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  MetricsService,
  type BurnRate,
  type CheckBotHealthResponse,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, kpiValueJson } from '../kpi-json.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { instantOf } from '../window.ts';
import { shown } from './kpis.ts';

export interface HealthOptions {
  readonly tenant?: string;
  readonly bot: string;
  readonly at?: string;
  readonly json?: boolean;
}

/** `parley health`: how a bot is, by its last 24 hours. */
export async function healthCommand(session: Session, options: HealthOptions): Promise<ExitCode> {
  const { tenant, bot: botId, at } = options;
  const response = await session.client(MetricsService, 'metrics', tenant).checkBotHealth(
    {
      botId,
      ...(at !== undefined && { at: timestampFromDate(await instantOf(session, tenant, at, '--at')) }),
    },
    { signal: session.signal },
  );
  if (options.json) printJson(session.stdout, healthJson(response));
  else printHealth(session, response);
  return exitCode.done;
}

/** By the guide's keys, with plain numbers; what is not known is null. Beside them what they are made of. */
function healthJson(health: CheckBotHealthResponse) {
  const { errorRate, avgLatencyMs, healthScoreV2 } = health;
  return {
    bot_id: health.botId,
    status: health.status,
    health_score: health.healthScore ?? null,
    error_rate: errorRate?.hasData ? errorRate.value : null,
    avg_latency_ms: avgLatencyMs?.hasData ? avgLatencyMs.value : null,
    recommendations: health.recommendations.map(({ rule, evidence, action }) => ({ rule, evidence, action })),
    health_score_v2: healthScoreV2?.hasData ? healthScoreV2.value : null,
    figures: {
      ...(errorRate && { error_rate: kpiValueJson(errorRate) }),
      ...(avgLatencyMs && { avg_latency_ms: kpiValueJson(avgLatencyMs) }),
      ...(healthScoreV2 && { health_score_v2: kpiValueJson(healthScoreV2) }),
    },
    components: health.components.map(({ name, value, weight, cost, insufficient }) => ({
      name,
      weight,
      cost,
      insufficient,
      ...(value && { figure: kpiValueJson(value) }),
    })),
    objectives: health.objectives.map(({ name, target, state, thresholdMs, burnRates }) => ({
      name,
      target,
      state,
      ...(name === 'latency' && { threshold_ms: thresholdMs }),
      burn_rates: burnRates.map((rate) => ({
        severity: rate.severity,
        long_window_seconds: rate.longWindowSeconds,
        short_window_seconds: rate.shortWindowSeconds,
        threshold: rate.threshold,
        long_burn_rate: rate.longBurnRate,
        short_burn_rate: rate.shortBurnRate,
        sample_size: rate.sampleSize,
        alerting: rate.alerting,
      })),
    })),
    ...contextJson(health.context),
  };
}

function printHealth(session: Session, health: CheckBotHealthResponse): void {
  const { healthScore, healthScoreV2, errorRate, avgLatencyMs, components, objectives } = health;
  const { window } = contextJson(health.context);
  const out = session.stdout;
  out.write(`${health.botId}: ${health.status.replace('_', ' ')}, ${window.from} to ${window.to}\n\n`);
  printTable(
    out,
    ['figure', 'value', 'sample', 'costs'],
    [
      ['health_score', healthScore === undefined ? 'no data' : String(healthScore), '', ''],
      ...(errorRate ? [['error_rate', shown(errorRate), `n=${errorRate.sampleSize}`, '']] : []),
      ...(avgLatencyMs ? [['avg_latency_ms', shown(avgLatencyMs), `n=${avgLatencyMs.sampleSize}`, '']] : []),
      ...(healthScoreV2 ? [['health_score_v2', shown(healthScoreV2), '', '']] : []),
      ...components.map(({ name, value, weight, cost, insufficient }) => [
        `  ${name}`,
        value ? shown(value) : '',
        `n=${value?.sampleSize ?? 0n}`,
        insufficient ? 'too few' : `${Math.round(cost * 10) / 10} of ${weight}`,
      ]),
    ],
  );
  out.write('\n');
  printTable(
    out,
    ['objective', 'target', 'state', 'burns (long, short window; alerts above)'],
    objectives.map(({ name, target, state, burnRates }) => [
      name,
      `${Math.round(target * 1e6) / 1e4} %`,
      state.replace('_', ' '),
      burnRates.map(shownBurn).join('; '),
    ]),
  );
  for (const { rule, evidence, action } of health.recommendations) {
    out.write(`\n${rule}: ${evidence} ${action}\n`);
  }
}

function shownBurn({ longWindowSeconds, longBurnRate, shortBurnRate, threshold }: BurnRate): string {
  const hours = Number(longWindowSeconds) / 3_600;
  return `${hours} h: ${longBurnRate.toFixed(1)}, ${shortBurnRate.toFixed(1)} (${threshold})`;
}
