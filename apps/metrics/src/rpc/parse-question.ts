import type { HandlerContext } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import type { KpiScope, KpiWindow as KpiWindowMessage } from '@parley/contracts/parley/metrics/v1/kpi';
import { invalidArgument } from '@parley/errors';
import { tenantOf } from '@parley/rpc';
import type { KpiQuestion, KpiWindow } from '../use-cases/kpi-question.ts';

/** What the calls that give figures ask for. */
export interface KpiRequest {
  readonly scope?: KpiScope | undefined;
  readonly window?: KpiWindowMessage | undefined;
  readonly minPosition: string;
}

/** The question that a call asks. Throws `invalid-argument` for a position that is none of this tenant. */
export function toQuestion(
  { scope, minPosition }: KpiRequest,
  window: KpiWindow,
  positions: PositionSealer,
  handler: HandlerContext,
): KpiQuestion {
  const { tenantId, partition, currency } = tenantOf(handler);
  const isAwaited = minPosition !== '';
  return {
    tenantId,
    partition,
    currencyCode: currency,
    botId: scope?.botId ?? '',
    groupId: scope?.groupId ?? '',
    intent: scope?.intent ?? '',
    channel: scope?.channel ?? '',
    sentiment: scope?.sentiment ?? '',
    segment: scope?.segment ?? '',
    window,
    minPosition: isAwaited ? openPosition(positions, minPosition, partition) : undefined,
    signal: isAwaited ? beforeDeadline(handler) : handler.signal,
  };
}

/** @throws DomainError `invalid-argument` for text that is no position of this partition. */
function openPosition(positions: PositionSealer, text: string, partition: number): bigint {
  const position = positions.open(text, 'min_position');
  if (position.partition === partition) return position.offset;
  const description = 'must be a position of this tenant';
  throw invalidArgument([{ field: 'min_position', description, reason: 'INVALID_POSITION' }]);
}

/** Ends shortly before the call's deadline, so that the caller is still told what was waited for in vain. */
function beforeDeadline(handler: HandlerContext): AbortSignal {
  const left = handler.timeoutMs();
  if (left === undefined) return handler.signal;
  return AbortSignal.any([handler.signal, AbortSignal.timeout(Math.max(Math.floor(left * 0.8), 0))]);
}
