import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface StandaloneOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Where secrets and, with the embedded Postgres, all data are kept. */
  readonly dataDir: string;
  /** A Postgres, 15 or later, in place of the embedded one; its user must be able to make roles. */
  readonly databaseUrl: string | undefined;
  readonly demo: boolean;
  /** Print one line of JSON when ready, and nothing else, on stdout. */
  readonly json: boolean;
}

export const usage = `Starts Parley in one process: four services on one port, with an embedded Postgres.

Usage: npm start -- [options]
  --port N            the port on 127.0.0.1 (default 8080; 0 takes a free one)
  --data-dir DIR      where secrets and data are kept (default .parley)
  --database-url URL  a Postgres of yours, 15 or later, instead of the embedded one; its user must be able to make roles
  --no-demo           no demo tenant and no demo traffic
  --json              print one line of JSON when ready: {"ready":true,"url","admin_key","database_url"}
  --help              print this
`;

/** What was asked for can't be done; the message says why. */
export class OptionsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OptionsError';
  }
}

/** @throws OptionsError; undefined when only help was asked for. */
export function parseOptions(argv: readonly string[]): StandaloneOptions | undefined {
  const values = parse(argv);
  if (values.help) return undefined;
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65_535) {
    throw new OptionsError(`--port must be a number from 0 to 65535; this is ${values.port}.`);
  }
  const databaseUrl = values['database-url'];
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new OptionsError('--database-url must look like postgresql://user:password@host:5432/database.');
  }
  return {
    port,
    dataDir: values['data-dir'],
    databaseUrl,
    demo: !values['no-demo'],
    json: values.json,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string', default: '8080' },
        'data-dir': { type: 'string', default: '.parley' },
        'database-url': { type: 'string' },
        'no-demo': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    // This is how parseArgs says what it does not know.
    throw new OptionsError(error instanceof Error ? error.message : String(error));
  }
}
