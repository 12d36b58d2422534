import { DomainError } from '@parley/errors';

/** Says that something, with its verb, is not served yet. */
export function unimplemented(
  what: string,
  purpose: string,
  facts: Readonly<Record<string, string>>,
): DomainError {
  return new DomainError(`${what} not implemented yet; a later release will ${purpose}.`, {
    kind: 'unimplemented',
    reason: 'NOT_IMPLEMENTED',
    facts,
  });
}
