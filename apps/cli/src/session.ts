import type { Readable, Writable } from 'node:stream';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client } from '@connectrpc/connect';
import { createTransportTo, type ClientTransport } from '@parley/rpc';
import type { Environment } from '@parley/runtime';
import { UsageError } from './usage-error.ts';

/** The services by the variable that overrides where each one is. */
const urlVariables = {
  ingestion: 'PARLEY_INGESTION_URL',
  metrics: 'PARLEY_METRICS_URL',
  optimizer: 'PARLEY_OPTIMIZER_URL',
  experiment: 'PARLEY_EXPERIMENT_URL',
} as const;

const tenantKeyPrefix = 'plk_';

export type ServiceName = keyof typeof urlVariables;

/** What a command works with: where it reads and writes, and whom it calls. */
export interface Session {
  readonly stdin: Readable;
  /** Results, and nothing else. */
  readonly stdout: Writable;
  /** Everything that is no result. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /**
   * A client of a service; with a tenant's name, the operator's key acts for that tenant. A call that can be repeated is
   * tried `attempts` times within its time; 5 unless told, which tells soon that nobody is there.
   */
  client<Service extends DescService>(
    service: Service,
    name: ServiceName,
    tenantName?: string,
    attempts?: number,
  ): Client<Service>;
  /** Whether the key is a tenant's, which acts for no other one; else it is the operator's. */
  readonly hasTenantKey: boolean;
  /** Each address once, with the services that are there. */
  addresses(): readonly { readonly url: string; readonly services: readonly ServiceName[] }[];
  /** Ends all connections. */
  close(): void;
}

export type SessionOptions = Pick<Session, 'stdin' | 'stdout' | 'stderr' | 'signal' | 'now'> & {
  readonly env: Environment;
};

export function createSession({ env, ...streams }: SessionOptions): Session {
  const transports = new Map<string, ClientTransport>();
  const urlOf = (name: ServiceName): string => {
    const variable = env[urlVariables[name]] ? urlVariables[name] : 'PARLEY_URL';
    const text = env[variable];
    if (!text)
      throw new UsageError('Set PARLEY_URL to the address of Parley, such as http://127.0.0.1:8080.');
    if (!URL.canParse(text))
      throw new UsageError(`${variable} is no address: it must look like http://127.0.0.1:8080.`);
    return text.replace(/\/+$/, '');
  };
  const transportTo = (url: string, tenantName?: string, attempts = 5): ClientTransport => {
    const key = `${url} ${tenantName ?? ''} ${attempts}`;
    const known = transports.get(key);
    if (known) return known;
    const credential = env['PARLEY_KEY'];
    if (!credential)
      throw new UsageError('Set PARLEY_KEY to a key of Parley; `npm start` prints the operator’s.');
    const transport = createTransportTo({
      baseUrl: url,
      credential,
      defaultTimeoutMs: 30_000,
      retry: { attempts },
      ...(tenantName !== undefined && { tenant: tenantName }),
    });
    transports.set(key, transport);
    return transport;
  };
  return {
    ...streams,
    hasTenantKey: env['PARLEY_KEY']?.startsWith(tenantKeyPrefix) ?? false,
    client: (service, name, tenantName, attempts) =>
      createClient(service, transportTo(urlOf(name), tenantName, attempts)),
    addresses: () => {
      const names = Object.keys(urlVariables) as ServiceName[];
      return Array.from(Map.groupBy(names, urlOf), ([url, services]) => ({ url, services }));
    },
    close: () => {
      for (const transport of transports.values()) transport.close();
    },
  };
}
