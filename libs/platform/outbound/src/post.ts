import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { DomainError } from '@parley/errors';
import type { EndpointRules } from './endpoint-rules.ts';

export interface PostOptions {
  readonly rules: EndpointRules;
  /** Certificates that are trusted besides the usual ones, as PEM. */
  readonly ca: string | undefined;
  /** Besides content-length. */
  readonly headers: Readonly<Record<string, string>>;
  /** Ends everything, the look-up and the body of the answer too. */
  readonly signal: AbortSignal;
}

/** An answer of which the head has come. */
export interface PostAnswer {
  readonly status: number;
  /** The body; undefined when it is longer than so many bytes. The rest is not read. */
  read(maxBytes: number): Promise<Buffer | undefined>;
  /** Ends the connection. To be called in any case. */
  close(): void;
}

/**
 * Posts once, over a connection of its own, to an address that was checked just now. Redirects are not followed: their
 * status is the answer's.
 * @throws DomainError `failed-precondition` (URL_NOT_HTTPS, ADDRESS_REFUSED); otherwise whatever went wrong: the look-up,
 *   the connection, the signal's reason.
 */
export async function post(
  url: URL,
  body: string,
  { rules, ca, headers, signal }: PostOptions,
): Promise<PostAnswer> {
  if (url.protocol !== 'https:') {
    throw new DomainError(`${url.protocol} is not allowed.`, {
      kind: 'failed-precondition',
      reason: 'URL_NOT_HTTPS',
    });
  }
  // A look-up can't be aborted; it must not outlive the time all the same.
  const [resolved] = await Promise.race([rules.resolve(url.hostname), rejectOnAbort(signal)]);
  if (resolved === undefined) throw new Error('no address');
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
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body);
  });
  return {
    status: response.statusCode ?? 0,
    async read(maxBytes) {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of response) {
        const piece: Buffer = chunk;
        length += piece.length;
        if (length > maxBytes) return undefined;
        chunks.push(piece);
      }
      return Buffer.concat(chunks);
    },
    close: () => response.destroy(),
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
