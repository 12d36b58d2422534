import { timestampDate } from '@bufbuild/protobuf/wkt';
import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import { ContentMode, PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface PrivacyOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** Whose consent: a member's, a group's, or with neither the whole tenant's. */
export interface ConsentOptions extends PrivacyOptions {
  readonly member?: string;
  readonly group?: string;
}

export interface SetConsentOptions extends ConsentOptions {
  readonly allow?: boolean;
  readonly forbid?: boolean;
}

export interface SetPrivacyOptions extends PrivacyOptions {
  readonly content: string;
}

const modeNames = new Map<ContentMode, string>([
  [ContentMode.FULL, 'full'],
  [ContentMode.PSEUDONYMOUS, 'pseudonymous'],
  [ContentMode.OFF, 'off'],
]);

/** `parley consent set`: from its answer on it is enforced. */
export async function setConsentCommand(session: Session, options: SetConsentOptions): Promise<ExitCode> {
  const { allow = false, forbid = false } = options;
  if (allow === forbid) throw new UsageError('Say --allow or --forbid.');
  const subject = subjectOf(options);
  const client = session.client(PrivacyService, 'ingestion', options.tenant);
  await client.setConsent({ ...subject, allowed: allow }, { signal: session.signal });
  return getConsentCommand(session, options);
}

/** `parley consent get`. */
export async function getConsentCommand(session: Session, options: ConsentOptions): Promise<ExitCode> {
  const subject = subjectOf(options);
  const { allowed, changedAt, refusedCount } = await session
    .client(PrivacyService, 'ingestion', options.tenant)
    .getConsent(subject, { signal: session.signal });
  const since = changedAt === undefined ? null : timestampDate(changedAt).toISOString();
  if (options.json) {
    printJson(session.stdout, { allowed, changed_at: since, refused_count: refusedCount });
  } else {
    session.stdout.write(
      `${allowed ? 'Allowed' : 'Forbidden'}${since === null ? '' : ` since ${since}`}; ${refusedCount} events were refused.\n`,
    );
  }
  return exitCode.done;
}

/** `parley privacy show`. */
export async function showPrivacyCommand(session: Session, options: PrivacyOptions): Promise<ExitCode> {
  const { settings } = await session
    .client(PrivacyService, 'ingestion', options.tenant)
    .getPrivacySettings({}, { signal: session.signal });
  printMode(session, settings?.contentMode, options);
  return exitCode.done;
}

/** `parley privacy set`: holds for what is received from then on. */
export async function setPrivacyCommand(session: Session, options: SetPrivacyOptions): Promise<ExitCode> {
  const mode = [...modeNames].find(([, name]) => name === options.content)?.[0];
  if (mode === undefined) {
    throw new UsageError(`--content is full, pseudonymous or off; not ${options.content}.`);
  }
  const { settings } = await session
    .client(PrivacyService, 'ingestion', options.tenant)
    .updatePrivacySettings(
      { settings: { contentMode: mode }, updateMask: { paths: ['content_mode'] } },
      { signal: session.signal },
    );
  printMode(session, settings?.contentMode, options);
  return exitCode.done;
}

function subjectOf({ member, group }: ConsentOptions) {
  if (member !== undefined && group !== undefined) throw new UsageError('Say --member or --group, not both.');
  if (member !== undefined) return { scope: ConsentScope.MEMBER, subjectId: member };
  if (group !== undefined) return { scope: ConsentScope.GROUP, subjectId: group };
  return { scope: ConsentScope.TENANT };
}

function printMode(session: Session, mode: ContentMode | undefined, { json }: PrivacyOptions): void {
  const name = modeNames.get(mode ?? ContentMode.FULL) ?? 'unknown';
  if (json) printJson(session.stdout, { content_mode: name });
  else session.stdout.write(`Content is kept ${name}.\n`);
}
