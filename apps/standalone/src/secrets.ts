import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What must be the same at the next start. */
export interface Secrets {
  /** The operator's key. */
  readonly operatorKey: string;
  /** By which the services know each other. */
  readonly serviceSecret: string;
  /** From which the passwords of the database's roles are derived. */
  readonly databaseSecret: string;
  /** The demo tenant's key; absent while there is none. */
  readonly demoKey?: string;
}

const fileName = 'secrets.json';

/** The secrets of a data folder; made at the first start, readable by their owner alone. */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const known = await readSecrets(join(dataDir, fileName));
  if (known) return known;
  const secrets: Secrets = {
    operatorKey: `plo_${randomText()}`,
    serviceSecret: randomText(),
    databaseSecret: randomText(),
  };
  await saveSecrets(dataDir, secrets);
  return secrets;
}

/** Written beside and moved into place, so that a crash leaves the old ones. */
export async function saveSecrets(dataDir: string, secrets: Secrets): Promise<void> {
  const file = join(dataDir, fileName);
  await writeFile(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await chmod(`${file}.new`, 0o600);
  await rename(`${file}.new`, file);
}

async function readSecrets(file: string): Promise<Secrets | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const secrets: unknown = JSON.parse(text);
  if (!isSecrets(secrets))
    throw new Error(`${file} is not what Parley wrote there; restore it, or take another folder.`);
  return secrets;
}

function isSecrets(value: unknown): value is Secrets {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const demoKey = fields.get('demoKey');
  return (
    ['operatorKey', 'serviceSecret', 'databaseSecret'].every(
      (name) => typeof fields.get(name) === 'string',
    ) &&
    (demoKey === undefined || typeof demoKey === 'string')
  );
}

function randomText(): string {
  return randomBytes(32).toString('base64url');
}
