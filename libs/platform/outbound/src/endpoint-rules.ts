import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { DomainError, invalidArgument } from '@parley/errors';

/** Where what a tenant names may be, so that nobody makes Parley speak to what is inside its own network. */
export interface EndpointRules {
  /**
   * Refuses what may never be asked.
   * @throws DomainError `invalid-argument` for what is not https, has a user or a fragment, or is at a refused address.
   */
  check(url: string, field: string): Promise<void>;
  /**
   * The addresses of a host, none of which is refused; whoever asks connects to one of these.
   * @throws DomainError `failed-precondition` (ADDRESS_REFUSED); whatever the look-up throws.
   */
  resolve(host: string): Promise<readonly ResolvedAddress[]>;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** IANA's special-purpose registry: what is not reachable from everywhere, and what is no single host. */
const refusedIpv4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/** Of IPv6 only this is reachable from everywhere: neither loopback nor an IPv4 address in disguise is in it… */
const globalIpv6 = ['2000::', 3] as const;
/** …but for these, which carry IPv4 addresses or are for documentation. */
const refusedIpv6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

/**
 * @param privateRanges what the operator allows besides, such as `10.1.0.0/16`.
 * @param lookUp all addresses of a name; the system's look-up unless told.
 */
export function createEndpointRules(
  privateRanges: readonly string[],
  lookUp: (name: string) => Promise<readonly ResolvedAddress[]> = (name) => lookup(name, { all: true }),
): EndpointRules {
  const allowed = new BlockList();
  for (const range of privateRanges) {
    const [net = '', bits = ''] = range.split('/');
    allowed.addSubnet(net, Number(bits), isIP(net) === 6 ? 'ipv6' : 'ipv4');
  }
  const refused = new BlockList();
  for (const [net, bits] of refusedIpv4) refused.addSubnet(net, bits, 'ipv4');
  for (const [net, bits] of refusedIpv6) refused.addSubnet(net, bits, 'ipv6');
  const global = new BlockList();
  global.addSubnet(...globalIpv6, 'ipv6');

  function isRefused(address: string): boolean {
    const family = isIP(address);
    if (family === 0) return true;
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (allowed.check(address, type)) return false;
    return refused.check(address, type) || (family === 6 && !global.check(address, type));
  }

  async function resolve(host: string): Promise<readonly ResolvedAddress[]> {
    const bare = host.replace(/^\[|\]$/g, '');
    const addresses = isIP(bare) === 0 ? await lookUp(bare) : [{ address: bare, family: isIP(bare) }];
    if (addresses.length === 0 || addresses.some(({ address }) => isRefused(address))) {
      throw new DomainError(`${host} is at an address that is not reachable from everywhere.`, {
        kind: 'failed-precondition',
        reason: 'ADDRESS_REFUSED',
        facts: { host },
      });
    }
    return addresses;
  }

  return {
    resolve,
    async check(text, field) {
      const refuse = (description: string, reason: string) =>
        invalidArgument([{ field, description, reason }]);
      if (!URL.canParse(text))
        throw refuse('must be an address such as https://example.com/parley', 'URL_INVALID');
      const url = new URL(text);
      if (url.protocol !== 'https:') throw refuse('must begin with https://', 'URL_NOT_HTTPS');
      if (url.username !== '' || url.password !== '' || url.hash !== '') {
        throw refuse('must have no user and no fragment', 'URL_INVALID');
      }
      try {
        await resolve(url.hostname);
      } catch (error) {
        // A name that can't be found now may be there when it is asked.
        if (!(error instanceof DomainError)) return;
        throw refuse('must be at an address that is reachable from everywhere', 'ADDRESS_REFUSED');
      }
    },
  };
}
