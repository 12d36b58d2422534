import { createHmac } from 'node:crypto';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import { post } from '@parley/outbound';
import type { EndpointRules, Sealer } from '@parley/outbound';
import type { Logger, Now } from '@parley/runtime';
import { findDueDelivery, releaseWebhook } from '../storage/alert-deliveries.ts';
import type { Attempt, DueDelivery, HeldWebhook } from '../storage/alert-deliveries.ts';

/** Where tests end the process: a post is to be made, was answered, is noted. */
export type DeliveryFailpoint = 'webhook:held' | 'webhook:posted' | 'webhook:noted';

export interface DeliveryDependencies {
  readonly worker: Database;
  readonly rules: EndpointRules;
  /** Certificates that are trusted besides the usual ones, as PEM. */
  readonly ca: string | undefined;
  /** Of the webhooks' secrets. */
  readonly sealer: Sealer;
  readonly now: Now;
  /** In [0, 1); spreads the attempts. */
  readonly random: () => number;
  /** After which the first retry comes, about; 5 s unless told. */
  readonly firstRetryMs?: number;
  readonly logger: Logger;
  readonly reachFailpoint: (failpoint: DeliveryFailpoint) => Promise<void> | void;
}

const timeoutMs = 10_000;
const maxAnswerBytes = 64 * 1024;
const usualFirstRetryMs = 5_000;
const longestRetryMs = 3_600_000;
const longestError = 500;
const gone = 410;

/** Posts what is due to a webhook, if anything is, and notes how it went. */
export async function deliverNext(
  dependencies: DeliveryDependencies,
  webhook: HeldWebhook,
  signal: AbortSignal,
): Promise<void> {
  const { worker, reachFailpoint } = dependencies;
  const delivery = await findDueDelivery(worker, webhook);
  if (delivery === undefined) {
    await releaseWebhook(worker, webhook, undefined);
    return;
  }
  await reachFailpoint('webhook:held');
  const attempt = await tryDelivery(dependencies, webhook, delivery, signal);
  // Cut short by us; it is as if it had not been tried.
  if (signal.aborted && attempt.state !== 'delivered') {
    await releaseWebhook(worker, webhook, undefined);
    return;
  }
  await reachFailpoint('webhook:posted');
  await releaseWebhook(worker, webhook, attempt);
  await reachFailpoint('webhook:noted');
}

/** The signature of a body: of the time in seconds since 1970, a dot and the body. */
export function signatureOf(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/**
 * After how long an attempt follows one that failed: twice as long as the last time, up to an hour, and any part from half
 * of it to all.
 */
export function retryAfterMs(attemptCount: number, firstMs: number, random: () => number): number {
  return Math.min(firstMs * 2 ** (attemptCount - 1), longestRetryMs) * (0.5 + random() / 2);
}

async function tryDelivery(
  { rules, ca, sealer, now, random, firstRetryMs = usualFirstRetryMs, logger }: DeliveryDependencies,
  { webhookId, url, secret }: HeldWebhook,
  { deliveryId, body, attemptCount }: DueDelivery,
  signal: AbortSignal,
): Promise<Attempt> {
  const retryMs = retryAfterMs(attemptCount + 1, firstRetryMs, random);
  const failed = (error: string, httpStatus = 0): Attempt => ({
    deliveryId,
    state: httpStatus === gone ? 'failed' : 'pending',
    httpStatus,
    error: error.slice(0, longestError),
    retryMs,
  });
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await post(new URL(url), body, {
      rules,
      ca,
      signal: AbortSignal.any([signal, limit]),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Parley-Webhooks/1',
        'parley-delivery': deliveryId,
        'parley-signature': signatureOf(sealer.open(secret), Math.floor(now().getTime() / 1_000), body),
      },
    });
    const { status } = answer;
    // Read for the receiver's sake, which may not have said all. What it says is nothing to us, nor how that ends.
    await answer.read(maxAnswerBytes).catch((error: unknown) => {
      logger.debug({ error, webhookId, deliveryId }, 'an answer to a webhook could not be read');
    });
    answer.close();
    if (status >= 200 && status < 300) {
      return { deliveryId, state: 'delivered', httpStatus: status, error: '', retryMs: 0 };
    }
    return failed(
      status >= 300 && status < 400
        ? `Answered ${status}; redirects are not followed.`
        : `Answered ${status}.`,
      status,
    );
  } catch (error) {
    if (limit.aborted) return failed(`No answer within ${timeoutMs / 1_000} seconds.`);
    return failed(error instanceof DomainError ? `${error.reason}: ${error.message}` : messageOf(error));
  }
}

/** An error of several addresses says nothing itself. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
