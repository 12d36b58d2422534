import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { GetKpisResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';
import {
  KpiUnit,
  type CurrencyRevenue,
  type KpiValue,
  type LabelCount,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { stringify } from 'csv-stringify/sync';
import { exitCode, type ExitCode } from '../exit-code.ts';
import {
  contextJson,
  dashboardJson,
  figureName,
  isKpiValue,
  kpisJson,
  kpiValueJson,
  snakeCase,
} from '../kpi-json.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { shownMinorUnits, shownMoney } from '../shown-money.ts';
import { UsageError } from '../usage-error.ts';
import { windowOf, type WindowOptions } from '../window.ts';

/** Of what figures are asked: of all that meets everything that is said here. */
export interface ScopeOptions {
  readonly bot?: string;
  readonly group?: string;
  readonly intent?: string;
  readonly channel?: string;
  readonly sentiment?: string;
  readonly segment?: string;
}

export interface KpisOptions extends WindowOptions, ScopeOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `parley kpis`: all dashboards, read in one snapshot. */
export async function kpisCommand(
  session: Session,
  options: KpisOptions & { readonly csv?: boolean },
): Promise<ExitCode> {
  if (options.csv && options.json) throw new UsageError('Give --csv or --json, not both.');
  const response = await session
    .client(MetricsService, 'metrics', options.tenant)
    .getKpis(
      { scope: scopeOf(options), window: await windowOf(session, options.tenant, options) },
      { signal: session.signal },
    );
  if (options.json) {
    printJson(session.stdout, kpisJson(response));
    return exitCode.done;
  }
  if (options.csv) {
    session.stdout.write(
      stringify(csvRows(response), { header: true, columns: csvColumns, cast: { boolean: String } }),
    );
    return exitCode.done;
  }
  const {
    window,
    time_zone: timeZone,
    currency_code: currencyCode,
    watermark,
    completeness,
  } = contextJson(response.context);
  session.stdout.write(`${window.from} to ${window.to}, days of ${timeZone}\n`);
  for (const [title, dashboard] of [
    ['Customer experience', response.customerExperience],
    ['Operational efficiency', response.operational],
    ['Engagement', response.engagement],
    ['Conversations', response.conversations],
    ['Revenue', response.revenue],
    ['Audience', response.audience],
  ] as const) {
    session.stdout.write(`\n${title}\n`);
    printDashboard(session, dashboard, currencyCode);
  }
  session.stdout.write(`\nComplete to ${watermark.complete_to}, ${watermark.lag_ms} ms behind\n`);
  if (completeness !== null) {
    session.stdout.write(
      `${percent(completeness.newest_hour)} of the last hour is expected to be there, ${percent(completeness.window)} of all\n`,
    );
  }
  return exitCode.done;
}

const csvColumns = [
  'group',
  'name',
  'value',
  'has_data',
  'numerator',
  'denominator',
  'sample_size',
  'definition_id',
  'unit',
];

/** A row for each figure, with what `--json` says of it. */
function csvRows(response: GetKpisResponse): object[] {
  return [
    ['customer_experience', response.customerExperience],
    ['operational', response.operational],
    ['engagement', response.engagement],
    ['conversations', response.conversations],
    ['revenue', response.revenue],
    ['audience', response.audience],
  ].flatMap(([group, dashboard]) =>
    Object.entries(dashboard ?? {}).flatMap(([field, value]: [string, unknown]) =>
      isKpiValue(value) ? [{ group, name: figureName(field, value), ...kpiValueJson(value) }] : [],
    ),
  );
}

/** `parley realtime`: the last hour. */
export async function realTimeCommand(
  session: Session,
  options: ScopeOptions & Pick<KpisOptions, 'tenant' | 'json'>,
): Promise<ExitCode> {
  const { metrics, context } = await session
    .client(MetricsService, 'metrics', options.tenant)
    .getRealTimeMetrics({ scope: scopeOf(options) }, { signal: session.signal });
  if (options.json) {
    printJson(session.stdout, { ...dashboardJson(metrics), ...contextJson(context) });
  } else {
    printDashboard(session, metrics, context?.currencyCode ?? '');
  }
  return exitCode.done;
}

/** The scope of a call. */
export function scopeOf(options: ScopeOptions) {
  const { bot = '', group = '', intent = '', channel = '', sentiment = '', segment = '' } = options;
  return { botId: bot, groupId: group, intent, channel, sentiment, segment };
}

function printDashboard(session: Session, dashboard: object | undefined, currencyCode: string): void {
  const rows = Object.entries(dashboard ?? {}).flatMap(([field, value]: [string, unknown]) => {
    if (Array.isArray(value)) {
      return (value as (LabelCount | CurrencyRevenue)[]).map((entry) =>
        entry.$typeName === 'parley.metrics.v1.LabelCount'
          ? [`${snakeCase(field)} ${entry.label}`, String(entry.count), '', '']
          : [
              `${snakeCase(field)} ${entry.currencyCode}`,
              shownMinorUnits(entry.netMinorUnits, entry.currencyCode),
              '',
              `n=${entry.conversionCount}`,
            ],
      );
    }
    if (!isKpiValue(value)) return [];
    return [
      [
        figureName(field, value),
        shown(value, currencyCode),
        interval(value, currencyCode),
        `n=${value.sampleSize}`,
      ],
    ];
  });
  printTable(session.stdout, ['KPI', 'value', '95 % interval', 'sample'], rows);
}

/** A figure as people read it. Money needs the tenant's currency, which the answer's context says. */
export function shown(figure: Pick<KpiValue, 'hasData' | 'unit' | 'value'>, currencyCode = ''): string {
  if (!figure.hasData) return 'no data';
  if (figure.unit === KpiUnit.MONEY && currencyCode !== '') return shownMoney(figure.value, currencyCode);
  return figure.unit === KpiUnit.RATE
    ? percent(figure.value)
    : String(Math.round(figure.value * 1000) / 1000);
}

function interval({ unit, interval: bounds }: KpiValue, currencyCode: string): string {
  if (!bounds) return '';
  const end = (value: number): string => shown({ hasData: true, unit, value }, currencyCode);
  return `${end(bounds.lower)} to ${end(bounds.upper)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
