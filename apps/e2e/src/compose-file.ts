import { parse } from 'yaml';

/** What a service of a compose file says about how to run it. */
export interface ComposeService {
  readonly image: string;
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly networks: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: DependencyCondition }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly user?: string;
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly privileged?: boolean;
  readonly container_name?: string;
}

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

export interface ComposeFile {
  readonly version?: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

/**
 * Reads a compose file as Compose does, with variables filled in. Throws for a variable that must be set (`${NAME:?why}`)
 * and is not, with its reason.
 */
export function readComposeFile(text: string, env: Readonly<Record<string, string>>): ComposeFile {
  // A variable can stand anywhere in a value, so they are filled in once it is known what the values are.
  return fillIn(parse(text, { merge: true }), env) as ComposeFile;
}

function fillIn(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, env);
  if (Array.isArray(value)) return value.map((item) => fillIn(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, env)]));
}

const variable = /\$\{(?<name>\w+)(?:(?<how>:\?|:-)(?<rest>[^}]*))?\}/g;

function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(variable, (_match, name: string, how: string | undefined, rest: string) => {
    const value = env[name] ?? '';
    if (value !== '') return value;
    if (how === ':?') throw new Error(`${name} must be set: ${rest}`);
    return how === ':-' ? rest : '';
  });
}

/** The services in an order in which each comes after those that it waits for. */
export function inOrder({ services }: ComposeFile): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new Error(`They wait for each other: ${[...path, name].join(', ')}`);
    const service = services[name];
    if (!service) throw new Error(`${path.at(-1)} waits for ${name}, which is not there.`);
    for (const other of Object.keys(service.depends_on ?? {})) visit(other, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(services)) visit(name, []);
  return order;
}
