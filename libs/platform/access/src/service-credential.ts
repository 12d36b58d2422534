import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CredentialResolver } from './credential-resolver.ts';
import { refuseTenantName } from './local-resolver.ts';

const prefix = 'pls_';
const form = /^pls_([a-z][a-z0-9-]{0,31})_([0-9a-f]{64})$/;

/**
 * The credential with which the service `name` calls the others. It is derived from the service secret, which all
 * services share, so that the secret itself is never sent.
 * @param name lower case letters, digits and dashes, at most 32.
 */
export function serviceCredential(serviceSecret: string, name: string): string {
  return `${prefix}${name}_${createHmac('sha256', serviceSecret).update(`service:${name}`).digest('hex')}`;
}

/** Adds the other services to those whom `resolver` knows; asks nobody for it. */
export function acceptServices(serviceSecret: string, resolver: CredentialResolver): CredentialResolver {
  function serviceOf(credential: string, tenantName: string | undefined) {
    const name = form.exec(credential)?.[1];
    if (name === undefined) {
      return undefined;
    }
    const expected = Buffer.from(serviceCredential(serviceSecret, name));
    if (!timingSafeEqual(Buffer.from(credential), expected)) {
      return undefined;
    }
    refuseTenantName(tenantName);
    return { kind: 'service', name } as const;
  }
  return {
    async resolve(credential, tenantName, signal) {
      return credential.startsWith(prefix)
        ? serviceOf(credential, tenantName)
        : resolver.resolve(credential, tenantName, signal);
    },
    known(credential, tenantName) {
      return credential.startsWith(prefix)
        ? serviceOf(credential, tenantName)
        : resolver.known?.(credential, tenantName);
    },
  };
}
