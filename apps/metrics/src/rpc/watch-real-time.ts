import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import type { RealTimeMetrics } from '@parley/contracts/parley/metrics/v1/kpi';
import { KpiValueSchema, RealTimeMetricsSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import { WatchRealTimeMetricsResponseSchema } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { invalidArgument } from '@parley/errors';
import { readmit } from '@parley/rpc';
import type { Now } from '@parley/runtime';

type Response = MessageInitShape<typeof WatchRealTimeMetricsResponseSchema>;

/** The metrics of an hour, and for what they are. */
export interface RealTimeAnswer {
  readonly metrics: RealTimeMetrics;
  readonly context: NonNullable<Response['context']>;
}

export interface WatchOptions {
  readonly resumeToken: string;
  readonly handler: HandlerContext;
  readonly now: Now;
}

/** Who was away for longer gets everything anew. */
const resumableMs = 10 * 60_000;
const figures = ['interactionsPerMinute', 'conversionRate', 'avgResponseTime'] as const;

/**
 * Everything at first, then what changed. What the client knows already stands in its token, so that it may come back to
 * another process.
 */
export async function* toWatchResponses(
  answers: AsyncIterable<RealTimeAnswer>,
  { resumeToken, handler, now }: WatchOptions,
): AsyncGenerator<Response> {
  let known = readToken(resumeToken, now());
  for await (const { metrics, context } of answers) {
    await readmit(handler);
    const changed = known === undefined ? metrics : changesOf(known, metrics);
    yield {
      snapshot: known === undefined,
      ...(changed !== undefined && { metrics: changed }),
      context,
      resumeToken: writeToken(metrics, context),
    };
    known = metrics;
  }
}

/** Whether both say the same. */
export function isSameMetrics(before: RealTimeMetrics, after: RealTimeMetrics): boolean {
  return equals(RealTimeMetricsSchema, before, after);
}

/** The figures that differ; undefined when none does. */
function changesOf(before: RealTimeMetrics, after: RealTimeMetrics): RealTimeMetrics | undefined {
  const changes = create(RealTimeMetricsSchema);
  for (const figure of figures) {
    const [was, is] = [before[figure], after[figure]];
    if (is !== undefined && (was === undefined || !equals(KpiValueSchema, was, is))) changes[figure] = is;
  }
  return isSameMetrics(changes, create(RealTimeMetricsSchema)) ? undefined : changes;
}

function writeToken(metrics: RealTimeMetrics, context: RealTimeAnswer['context']): string {
  const message = create(WatchRealTimeMetricsResponseSchema, {
    metrics,
    context: { windowEnd: context.windowEnd },
  });
  return Buffer.from(toBinary(WatchRealTimeMetricsResponseSchema, message)).toString('base64url');
}

/**
 * What the client knows; undefined when it knows nothing, or of too long ago.
 * @throws DomainError `invalid-argument` for text that is no token.
 */
function readToken(token: string, now: Date): RealTimeMetrics | undefined {
  if (token === '') return undefined;
  const { metrics, context } = parseToken(token);
  if (metrics === undefined || context?.windowEnd === undefined) throw invalidToken();
  const age = now.getTime() - timestampDate(context.windowEnd).getTime();
  return age > resumableMs ? undefined : metrics;
}

function parseToken(token: string) {
  try {
    return fromBinary(WatchRealTimeMetricsResponseSchema, Buffer.from(token, 'base64url'));
  } catch {
    throw invalidToken();
  }
}

function invalidToken() {
  const description = 'must be a resume_token of this call';
  return invalidArgument([{ field: 'resume_token', description, reason: 'INVALID_TOKEN' }]);
}
