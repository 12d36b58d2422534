import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** The names and values that configuration is read from; `process.env` in a main.ts. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadedConfig<Shape extends z.ZodRawShape> {
  readonly values: z.output<z.ZodObject<Shape>>;
  /** What is probably a mistake but stops nothing, such as a `PARLEY_…` name that nobody reads. */
  readonly warnings: readonly string[];
}

/** Configuration that can't be used; its message lists every fault, one a line. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration can't be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/**
 * Reads configuration from the environment by a zod object whose keys are the variables' names.
 * An empty variable counts as absent. `NAME_FILE` names a file that holds the value of `NAME` (a trailing line break is cut);
 * giving both is a fault. `alsoKnown` are names that others read, so that they cause no warning.
 * @throws ConfigError with all faults at once; values are never quoted, since they may be secrets.
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment,
  alsoKnown: readonly string[] = [],
): LoadedConfig<Shape> {
  const names = Object.keys(schema.shape);
  const faults: string[] = [];
  const given: Record<string, string> = {};
  for (const name of names) {
    const value = readVariable(name, env, faults);
    if (value !== undefined) {
      given[name] = value;
    }
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0] ?? 'configuration');
      faults.push(
        name in given || issue.path.length === 0 ? `${name}: ${issue.message}` : `${name} is missing`,
      );
    }
  }
  if (!parsed.success || faults.length > 0) {
    throw new ConfigError([...new Set(faults)]);
  }
  return { values: parsed.data, warnings: unknownNames(env, new Set([...names, ...alsoKnown])) };
}

function readVariable(name: string, env: Environment, faults: string[]): string | undefined {
  const value = env[name] || undefined;
  const file = env[`${name}_FILE`] || undefined;
  if (file === undefined) {
    return value;
  }
  if (value !== undefined) {
    faults.push(`${name} and ${name}_FILE are both given; keep one`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    faults.push(`${name}_FILE can't be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function unknownNames(env: Environment, known: ReadonlySet<string>): string[] {
  return Object.keys(env)
    .filter(
      (name) => name.startsWith('PARLEY_') && !known.has(name) && !known.has(name.replace(/_FILE$/, '')),
    )
    .sort()
    .map((name) => `${name} is set, but nothing reads it`);
}
