import type { Caller } from './caller.ts';

/** Says whose credential it is. */
export interface CredentialResolver {
  /**
   * @param credential what came after `Bearer `.
   * @param tenantName what came in the `parley-tenant` header; undefined when it was not sent.
   * @returns undefined when the credential is unknown, revoked or expired.
   * @throws DomainError `not-found` when the operator named an unknown tenant, `permission-denied` when anybody else
   * named one, `unavailable` when it can't be found out now.
   */
  resolve(
    credential: string,
    tenantName: string | undefined,
    signal: AbortSignal,
  ): Promise<Caller | undefined>;

  /** The caller, if it can be told at once from what was resolved in the last seconds; undefined says nothing. */
  known?(credential: string, tenantName: string | undefined): Caller | undefined;
}
