import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import {
  MetricsService,
  type BotPerformanceMetricPoint,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, kpiValueJson } from '../kpi-json.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { windowOf, type WindowOptions } from '../window.ts';

export interface BotMetricsOptions extends WindowOptions {
  readonly tenant?: string;
  readonly bot?: string;
  readonly type?: string;
  readonly period?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const pageSize = 1_000;

/** `parley bot-metrics`: the guide's BotPerformanceMetrics, produced and recorded from outside, the latest first. */
export async function botMetricsCommand(session: Session, options: BotMetricsOptions): Promise<ExitCode> {
  const { tenant, bot: botId = '', type: metricType = '', period: aggregationPeriod = '' } = options;
  if (!/^[1-9]\d{0,5}$/.test(options.limit)) {
    throw new UsageError(`--limit is a whole number from 1 to 999999; not ${options.limit}`);
  }
  const limit = Number(options.limit);
  const client = session.client(MetricsService, 'metrics', tenant);
  const window = await windowOf(session, tenant, options);
  const metrics: BotPerformanceMetricPoint[] = [];
  for (let pageToken = ''; ;) {
    const left = Math.min(limit - metrics.length, pageSize);
    const request = { botId, metricType, aggregationPeriod, window, pageToken, pageSize: left };
    const page = await client.listBotPerformanceMetrics(request, { signal: session.signal });
    metrics.push(...page.metrics);
    pageToken = page.nextPageToken;
    if (pageToken !== '' && metrics.length < limit) continue;
    const isMore = pageToken !== '';
    if (options.json) {
      printJson(session.stdout, { metrics: metrics.map(toJson), more: isMore, ...contextJson(page.context) });
    } else {
      printTable(
        session.stdout,
        ['period', 'from', 'bot', 'metric', 'value', 'sample', 'by'],
        metrics.map(toRow),
      );
      if (isMore) session.stdout.write(`\nThe latest ${metrics.length}; --limit for more\n`);
    }
    return exitCode.done;
  }
}

function toJson(metric: BotPerformanceMetricPoint) {
  return {
    bot_id: metric.botId,
    metric_category: metric.metricCategory,
    metric_type: metric.metricType,
    metric_value: metric.metricValue,
    aggregation_period: metric.aggregationPeriod,
    sample_size: metric.sampleSize,
    from: instant(metric.windowStart),
    to: instant(metric.windowEnd),
    external: metric.external,
    ...(metric.value && { figure: kpiValueJson(metric.value) }),
  };
}

function toRow(metric: BotPerformanceMetricPoint): readonly string[] {
  return [
    metric.aggregationPeriod,
    instant(metric.windowStart) ?? '',
    metric.botId,
    metric.metricType,
    String(Math.round(metric.metricValue * 1e6) / 1e6),
    `n=${metric.sampleSize}`,
    metric.external ? 'others' : 'Parley',
  ];
}

function instant(time: Timestamp | undefined): string | null {
  return time ? timestampDate(time).toISOString() : null;
}
