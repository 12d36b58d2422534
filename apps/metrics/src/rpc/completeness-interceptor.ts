import { create, isMessage } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Interceptor } from '@connectrpc/connect';
import { CompletenessSchema, KpiContextSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type { KpiContext } from '@parley/contracts/parley/metrics/v1/kpi';
import { tenantOf } from '@parley/rpc';
import type { CompletenessTeller } from '../use-cases/completeness.ts';

const metricsPackage = 'parley.metrics.v1.';
const dayMs = 86_400_000;

/**
 * Says in every answer of metrics that has a context how much of its window is there. Here, in one place, so that no call
 * can forget it.
 */
export function createCompletenessInterceptor({ tell }: CompletenessTeller): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!request.service.typeName.startsWith(metricsPackage)) return response;
    const complete = async (message: object): Promise<void> => {
      const contexts = Object.values(message).filter((value) => isMessage(value, KpiContextSchema));
      for (const context of contexts) {
        const tenant = tenantOf({ values: request.contextValues });
        await addTo(context, (window, at) => tell(tenant, window, at, request.signal));
      }
    };
    if (!response.stream) {
      await complete(response.message);
      return response;
    }
    return { ...response, message: completed(response.message, complete) };
  };
}

async function* completed<Message extends object>(
  messages: AsyncIterable<Message>,
  complete: (message: Message) => Promise<void>,
): AsyncGenerator<Message> {
  for await (const message of messages) {
    await complete(message);
    yield message;
  }
}

type Window = Parameters<CompletenessTeller['tell']>[1];

async function addTo(
  context: KpiContext,
  tellOf: (window: Window, at: Date) => ReturnType<CompletenessTeller['tell']>,
): Promise<void> {
  const { windowStart, windowEnd, watermark, asOf } = context;
  // A later page tells what the first one told.
  // As of an earlier day everything that was to come by then has come.
  if (context.completeness !== undefined || context.asOf !== '') return;
  if (windowStart === undefined || windowEnd === undefined || watermark?.completeTo === undefined) return;
  const completeTo = timestampDate(watermark.completeTo).getTime();
  const at = asOf === '' ? completeTo : Math.min(completeTo, Date.parse(asOf) + dayMs);
  const window = { start: timestampDate(windowStart), end: timestampDate(windowEnd) };
  const told = await tellOf(window, new Date(at));
  if (told === undefined) return;
  context.completeness = create(CompletenessSchema, {
    newestHour: told.newestHour,
    window: told.window,
    observationCount: BigInt(told.observationCount),
  });
}
