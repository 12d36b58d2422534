import { cutWindow } from '@parley/calendar';
import type { TimeZone } from '@parley/calendar';
import { botHealth, getFigure, withRows } from '@parley/kpi';
import type { BotHealth, HealthInput, HealthMetric, KpiValue, MeasuredRow } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readMeasuredByOthers } from '../storage/bot-metrics.sql.ts';
import type { KpiQuestion, KpiWindow } from './kpi-question.ts';
import { needsOf, readInputs } from './read-figures.ts';
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

const figures: Readonly<Record<HealthMetric, ReturnType<typeof getFigure>>> = {
  errorRate: getFigure('error_rate'),
  avgLatencyMs: getFigure('avg_latency_ms'),
  latencyP95Ms: getFigure('response_latency_p95_ms'),
  fallbackRate: getFigure('fallback_rate'),
  noResponseRate: getFigure('no_response_rate'),
};
const needs = needsOf(Object.values(figures));

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
    const { window, currencyCode } = question;
    const scope = { ...question, generation };
    const snapshot = { tx, scope, completeTo: watermark.completeTo };
    const asked = { windows: [window], dimensions: [], needs, ...window, currencyCode };
    const [cell] = await readInputs(snapshot, asked);
    const [objectives] = await readObjectives(tx, { ...scope, at: window.end });
    if (cell === undefined || objectives === undefined) throw new Error('A bot that is named has an answer.');
    const told = await readMeasuredByOthers(tx, scope, [errorRateType, latencyType], window);
    const rowsOf = (type: string): readonly MeasuredRow[] => told.filter((row) => row.type === type);
    const own = (metric: HealthMetric): KpiValue => figures[metric].evaluate(cell.inputs);
    const judged = {
      errorRate: withRows(own('errorRate'), rowsOf(errorRateType)),
      avgLatencyMs: withRows(own('avgLatencyMs'), rowsOf(latencyType)),
      latencyP95Ms: own('latencyP95Ms'),
      fallbackRate: own('fallbackRate'),
      noResponseRate: own('noResponseRate'),
    };
    return { health: botHealth(judged), figures: judged, objectives, watermark };
  });
}
