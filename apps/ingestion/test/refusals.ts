import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@parley/contracts/google/rpc/error_details';

/** What a caller is told, in a form to compare. */
export interface Refusal {
  readonly code: keyof typeof Code;
  readonly reason: string | undefined;
  readonly fields: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  readonly mayRetry: boolean;
}

/** Awaits a call that must fail. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [info] = error.findDetails(ErrorInfoSchema);
    return {
      code: Code[error.code] as keyof typeof Code,
      reason: info?.reason,
      fields: error
        .findDetails(BadRequestSchema)
        .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
      facts: info?.metadata ?? {},
      mayRetry: error.findDetails(RetryInfoSchema).length > 0,
    };
  }
  throw new Error('The call was answered instead of refused.');
}
