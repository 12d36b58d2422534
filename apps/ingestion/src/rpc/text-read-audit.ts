import type { HandlerContext } from '@connectrpc/connect';
import { callerOf, tenantOf } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { ReadRequestFacts, TextReadStore } from '../storage/text-read-store.ts';

/** Keeps the audit for one answer. */
export interface AnswerAudit {
  /** Notes that rows with text are about to be given away; await it before. No rows, nothing to note. */
  gives(rowCount: number): Promise<void>;
}

/** Begins the audit of a call's answer: `request` is what was asked for, without texts. */
export type AuditTextReads = (context: HandlerContext, request: ReadRequestFacts) => AnswerAudit;

export function createTextReadAudit({
  textReads,
  now,
  newId,
}: {
  readonly textReads: TextReadStore;
  readonly now: Now;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
}): AuditTextReads {
  return (context, request) => {
    const caller = callerOf(context);
    const read = {
      readId: newId(),
      tenant: tenantOf(context),
      readAt: now(),
      keyId: caller.kind === 'tenant' ? caller.keyId : caller.kind,
      method: context.method.name,
      request,
    };
    return {
      async gives(rowCount) {
        if (rowCount > 0) await textReads.note({ ...read, rowCount });
      },
    };
  };
}
