import { DomainError } from '@parley/errors';
import { post } from '@parley/outbound';
import type { EndpointRules, PostOptions } from '@parley/outbound';
import { z } from 'zod';
import type { ModelEndpoint } from './intent-model-record.ts';

/** A text for a tenant's own model. */
export interface Question {
  readonly id: string;
  readonly text: string;
  readonly botId: string;
}

/** What it says of one; what it does not say is undefined. */
export interface EndpointReading {
  readonly intent: string | undefined;
  readonly intentConfidence: number | undefined;
  readonly sentiment: 'positive' | 'neutral' | 'negative' | undefined;
  readonly sentimentScore: number | undefined;
}

export interface AskOptions {
  readonly rules: EndpointRules;
  /** Certificates that are trusted besides the usual ones, as PEM. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
}

/** An answer to a hundred texts is far smaller. */
const maxAnswerBytes = 1024 * 1024;

const result = z.object({
  id: z.string(),
  intent: z
    .string()
    .max(200)
    // Text must not contain NUL.
    .refine((text) => !text.includes('\0') && text.isWellFormed())
    .nullish(),
  intent_confidence: z.number().min(0).max(1).nullish(),
  sentiment: z.enum(['positive', 'neutral', 'negative']).nullish(),
  sentiment_score: z.number().min(-1).max(1).nullish(),
});
const answer = z.object({ results: z.array(z.unknown()).max(1_000) });

/**
 * Asks a tenant's model once, at an address that was checked, without following redirects. Results for ids that were not
 * asked for, and those that break a rule, are left out.
 * @throws whatever went wrong: the address, the connection, the time, the size, the status, the JSON.
 */
export async function askEndpoint(
  { url, bearerToken, timeoutMs }: ModelEndpoint,
  questions: readonly Question[],
  { rules, ca, signal }: AskOptions,
): Promise<ReadonlyMap<string, EndpointReading>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const body = JSON.stringify({
    texts: questions.map(({ id, text, botId }) => ({ id, text, bot_id: botId })),
  });
  const bytes = await postTo(new URL(url), body, { rules, ca, bearerToken, signal: limit });
  const { results } = answer.parse(JSON.parse(bytes.toString('utf8')));
  const asked = new Set(questions.map(({ id }) => id));
  const readings = new Map<string, EndpointReading>();
  for (const item of results) {
    const parsed = result.safeParse(item);
    if (!parsed.success || !asked.has(parsed.data.id)) continue;
    const { id, intent, intent_confidence, sentiment, sentiment_score } = parsed.data;
    readings.set(id, {
      intent: intent || undefined,
      intentConfidence: intent_confidence ?? undefined,
      sentiment: sentiment ?? undefined,
      sentimentScore: sentiment_score ?? undefined,
    });
  }
  return readings;
}

async function postTo(
  url: URL,
  body: string,
  { bearerToken, ...options }: Omit<PostOptions, 'headers'> & Pick<ModelEndpoint, 'bearerToken'>,
): Promise<Buffer> {
  const answered = await post(url, body, {
    ...options,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(bearerToken !== undefined && { authorization: `Bearer ${bearerToken}` }),
    },
  });
  try {
    if (answered.status !== 200) throw failure(`status ${answered.status}`);
    const bytes = await answered.read(maxAnswerBytes);
    if (bytes === undefined) throw failure('the answer is longer than 1 MiB');
    return bytes;
  } finally {
    answered.close();
  }
}

function failure(message: string): DomainError {
  return new DomainError(`The model endpoint failed: ${message}.`, {
    kind: 'unavailable',
    reason: 'ENDPOINT_FAILED',
  });
}
