import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { DomainError } from '@parley/errors';
import { z } from 'zod';
import type { EndpointRules } from './endpoint-rules.ts';
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
  const bytes = await post(new URL(url), body, { rules, ca, bearerToken, signal: limit });
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

async function post(
  url: URL,
  body: string,
  {
    rules,
    ca,
    bearerToken,
    signal,
  }: Omit<AskOptions, 'ca'> & Pick<ModelEndpoint, 'bearerToken'> & { readonly ca: string | undefined },
): Promise<Buffer> {
  if (url.protocol !== 'https:') throw failure(`${url.protocol} is not allowed`);
  // A look-up can't be aborted; it must not outlive the time all the same.
  const [resolved] = await Promise.race([rules.resolve(url.hostname), rejectOnAbort(signal)]);
  if (resolved === undefined) throw failure('no address');
  const { address, family } = resolved;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        // A connection of its own, to the address that was checked: a second look-up could give another one.
        agent: false,
        lookup: (_host, options, done) =>
          options.all === true ? done(null, [{ address, family }]) : done(null, address, family),
        signal,
        ...(ca !== undefined && { ca }),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          accept: 'application/json',
          ...(bearerToken !== undefined && { authorization: `Bearer ${bearerToken}` }),
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body);
  });
  try {
    if (response.statusCode !== 200) throw failure(`status ${response.statusCode}`);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response) {
      const piece: Buffer = chunk;
      length += piece.length;
      if (length > maxAnswerBytes) throw failure('the answer is longer than 1 MiB');
      chunks.push(piece);
    }
    return Buffer.concat(chunks);
  } finally {
    response.destroy();
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function failure(message: string): DomainError {
  return new DomainError(`The model endpoint failed: ${message}.`, {
    kind: 'unavailable',
    reason: 'ENDPOINT_FAILED',
  });
}
