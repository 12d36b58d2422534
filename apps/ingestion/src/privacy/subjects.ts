import { createHmac } from 'node:crypto';

/** By whose word something is kept or not. */
export const consentScopes = ['member', 'group', 'tenant'] as const;
export type ConsentScope = (typeof consentScopes)[number];

/** Stands for the tenant as a whole. */
export const wholeTenant: Uint8Array = Buffer.alloc(0);

const pseudonymForm = /^p-[A-Za-z0-9_-]{43}$/;

/**
 * The HMAC by which a member or user is known without its id. A pseudonym is that HMAC already, so who gives the one or
 * the other means the same person.
 * @param key of the tenant, 32 bytes.
 */
export function personSubject(key: Uint8Array, id: string): Uint8Array {
  if (pseudonymForm.test(id)) return Buffer.from(id.slice(2), 'base64url');
  return hmac(key, 'person', id);
}

/** The HMAC by which a group is known. */
export function groupSubject(key: Uint8Array, id: string): Uint8Array {
  return hmac(key, 'group', id);
}

/** What stands for a member or user in place of its id: `p-` and 43 characters. Empty stays empty. */
export function pseudonymOf(key: Uint8Array, id: string): string {
  return id === '' ? '' : `p-${Buffer.from(personSubject(key, id)).toString('base64url')}`;
}

/** The subject of a consent; of the tenant's, the id is not looked at. */
export function consentSubject(key: Uint8Array, scope: ConsentScope, id: string): Uint8Array {
  switch (scope) {
    case 'member':
      return personSubject(key, id);
    case 'group':
      return groupSubject(key, id);
    case 'tenant':
      return wholeTenant;
  }
}

/** The 16 bytes of an event's key. */
export function keyBytes(eventKey: string): Uint8Array {
  return Buffer.from(eventKey.replaceAll('-', ''), 'hex');
}

function hmac(key: Uint8Array, what: string, id: string): Uint8Array {
  return createHmac('sha256', key).update(what).update('\0').update(id).digest();
}
