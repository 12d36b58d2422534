import { cutWindow } from '@parley/calendar';
import type { TimeZone } from '@parley/calendar';
import * as kpi from '@parley/kpi';
import type { BotHealth, HealthInput, KpiValue, MeasuredRow } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readMeasuredByOthers } from '../storage/bot-metrics.sql.ts';
import type { KpiQuestion, KpiWindow } from './kpi-question.ts';
import { readInputs } from './read-figures.ts';
import { readObjectives } from './read-objectives.ts';
import type { BotObjectives } from './read-objectives.ts';

/** How a bot is, with the figures that say so. */
export interface BotHealthAnswer {
  readonly health: BotHealth;
  readonly figures: HealthInput<KpiValue>;
  readonly objectives: BotObjectives;
  readonly watermark: ProjectionWatermark;
}

const dayMs = 86_400_000;
/** The guide's metric types (S79, S80). */
const errorRateType = 'error_rate';
const latencyType = 'latency';

/** The time that health is judged by: the 24 hours up to an instant. */
export function healthWindow(at: Date, timeZone: TimeZone): KpiWindow {
  const start = new Date(at.getTime() - dayMs);
  return { start, end: at, cut: cutWindow(start, at), timeZone, asOf: undefined };
}

/**
 * How a bot is, in one snapshot: its interactions, what others measured, and its objectives at the end of the window,
 * which is that of `healthWindow`. Throws as the reader does.
 */
export function checkBotHealth(reader: ProjectionReader, question: KpiQuestion): Promise<BotHealthAnswer> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const { window } = question;
    const scope = { ...question, generation };
    const { timeZone, asOf } = window;
    const [cell] = await readInputs(
      { tx, scope, completeTo: watermark.completeTo },
      {
        windows: [window],
        dimensions: [],
        needs: new Set(['sums', 'latencies', 'awaiting'] as const),
        timeZone,
        currencyCode: question.currencyCode,
        asOf,
      },
    );
    if (cell === undefined) throw new Error('A window without a cell.');
    const { sums, latencies, conversations } = cell.inputs;
    const told = await readMeasuredByOthers(tx, scope, [errorRateType, latencyType], window);
    const rowsOf = (type: string): readonly MeasuredRow[] => told.filter((row) => row.type === type);
    const figures = {
      errorRate: kpi.withRows(kpi.evaluateKpi(kpi.errorRate, sums, nobody), rowsOf(errorRateType)),
      avgLatencyMs: kpi.withRows(kpi.evaluateKpi(kpi.avgLatencyMs, sums, nobody), rowsOf(latencyType)),
      latencyP95Ms: kpi.evaluateKpi(kpi.responseLatencyP95Ms, latencies),
      fallbackRate: kpi.evaluateConversationKpi(kpi.fallbackRate, conversations),
      noResponseRate: kpi.evaluateConversationKpi(kpi.noResponseRate, conversations),
    };
    const [objectives] = await readObjectives(tx, { ...scope, at: window.end });
    if (objectives === undefined) throw new Error('A bot that is named has objectives.');
    return { health: kpi.botHealth(figures), figures, objectives, watermark };
  });
}

const nobody = { activeMembers: 0, activeUsers: 0, users: 0 };
