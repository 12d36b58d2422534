import { funnel, funnelKpis } from '@parley/kpi';
import type { FunnelPath, FunnelStepKpis } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readFunnelPaths } from '../storage/funnel-paths.sql.ts';
import type { FunnelPaths } from '../storage/funnel-paths.sql.ts';
import type { KpiQuestion } from './kpi-question.ts';

/** A question about where members are lost. */
export interface FunnelQuestion extends KpiQuestion {
  /** How long they have for all steps. */
  readonly withinMs: number;
}

/** How far they came. */
export interface FunnelAnswer {
  readonly steps: readonly FunnelStepKpis[];
  readonly watermark: ProjectionWatermark;
}

/** How far the members came who spoke in a window. Throws as the reader does, and TOO_MANY_ROWS. */
export async function readFunnel(reader: ProjectionReader, question: FunnelQuestion): Promise<FunnelAnswer> {
  const { window, withinMs } = question;
  const { found, watermark } = await reader.read(question, async ({ tx, generation, watermark }) => ({
    found: await readFunnelPaths(tx, { ...question, generation }, window, withinMs),
    watermark,
  }));
  return { steps: funnelKpis(funnel(everyPath(found), withinMs)), watermark };
}

const onlySpoke: FunnelPath = { message: [0], visit: [], checkout: [], purchase: [] };

function* everyPath({ memberCount, paths }: FunnelPaths): Generator<FunnelPath> {
  yield* paths;
  for (let index = paths.length; index < memberCount; index += 1) yield onlySpoke;
}
