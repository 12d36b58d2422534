import { Command } from 'commander';
import type { ExitCode } from './exit-code.ts';
import type { Session } from './session.ts';

/** The commands of `parley`; `ended` hears how the one that was called went. Each one's code is loaded when it is used. */
export function createProgram(session: Session, ended: (code: ExitCode) => void): Command {
  const program = new Command('parley')
    .description('Speaks to Parley. PARLEY_URL is its address, PARLEY_KEY a key of it.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.stdout.write(text),
      writeErr: (text) => session.stderr.write(text),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong use, 3 done with rejected items or differences.' +
        '\nPARLEY_INGESTION_URL, PARLEY_METRICS_URL, PARLEY_OPTIMIZER_URL and PARLEY_EXPERIMENT_URL are the' +
        '\naddresses of services that are not at PARLEY_URL.',
    );

  program
    .command('import')
    .description('send events from a file, gzipped or not; repeat it at will')
    .argument('<file>', 'the file; - is standard input')
    .option('--tenant <name>', 'whose events they are, whatever the lines say')
    .option('--create-tenants', 'create the tenants that lines name (with the operator’s key)')
    .option('--wait', 'return when the figures hold everything that was sent')
    .option('--acks <file>', 'append each id to a file once it is acknowledged')
    .option('--format <format>', 'openai, sharegpt, langfuse or csv (default: lines in the guide’s names)')
    .option(
      '--map <field=column>',
      'which column or key is which field; may be repeated',
      (mapping: string, before: readonly string[] = []) => [...before, mapping],
    )
    .option('--bot <id>', 'the bot of everything in a file of another format')
    .option('--start-time <time>', 'when what names no time occurred')
    .option('--date-order <order>', 'mdy or dmy: how dates with slashes are read')
    .option('--encoding <name>', 'such as windows-1252 (default: told by the byte order mark, else utf-8)')
    .option('--dry-run', 'show the first five events and what would be rejected; send nothing')
    .option('--json', 'print JSON')
    .action(async (file: string, options) => {
      const { importCommand } = await import('./commands/import.ts');
      ended(await importCommand(session, file, options));
    });

  program
    .command('export')
    .description('write interactions, conversions or ratings as a file that `parley import` reads')
    .requiredOption('--kind <kind>', 'interactions, conversions or feedback')
    .option('--format <format>', 'csv or jsonl', 'jsonl')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--bot <id>', 'only this bot')
    .option('--group <id>', 'only this group')
    .option('--member <id>', 'only this member')
    .option('--from <time>', 'an instant, or a date: the start of that day')
    .option('--to <time>', 'the end, not included')
    .option('--time-zone <zone>', 'the IANA zone in which days begin (default the tenant’s)')
    .option('--output <file>', 'the file (default standard output); gzipped when its name ends in .gz')
    .action(async (options) => {
      const { exportCommand } = await import('./commands/export.ts');
      ended(await exportCommand(session, options));
    });

  program
    .command('export-member')
    .description('write everything that is kept about a member as JSON lines')
    .requiredOption('--member <id>', 'the member')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--output <file>', 'the file (default standard output); gzipped when its name ends in .gz')
    .action(async (options) => {
      const { exportMemberCommand } = await import('./commands/export.ts');
      ended(await exportMemberCommand(session, options));
    });

  program
    .command('doctor')
    .description(
      'say what is wrong with what the bots send, and what to do about it; 3 when something is critical',
    )
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--bot <id>', 'only this bot')
    .option('--from <time>', 'an instant, or a date (default seven days before the end)')
    .option('--to <time>', 'the end, not included (default now)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      ended(await doctorCommand(session, options));
    });

  program
    .command('erase')
    .description('erase a member everywhere and refuse what still comes of it; prints the receipt')
    .requiredOption('--member <id>', 'the member')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--wait', 'return when it is complete in every service')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { eraseCommand } = await import('./commands/erase.ts');
      ended(await eraseCommand(session, options));
    });

  const consent = program.command('consent').description('whether something may be kept about somebody');
  ofSubject(inTenant(consent.command('set').description('allow or forbid it, from now on')))
    .option('--allow', 'it may be kept')
    .option('--forbid', 'it may not')
    .action(async (options) => {
      const { setConsentCommand } = await import('./commands/privacy.ts');
      ended(await setConsentCommand(session, options));
    });
  ofSubject(inTenant(consent.command('get').description('print what was said, and what it refused'))).action(
    async (options) => {
      const { getConsentCommand } = await import('./commands/privacy.ts');
      ended(await getConsentCommand(session, options));
    },
  );

  const privacy = program.command('privacy').description('how much of what is said is kept');
  inTenant(privacy.command('show').description('print it')).action(async (options) => {
    const { showPrivacyCommand } = await import('./commands/privacy.ts');
    ended(await showPrivacyCommand(session, options));
  });
  inTenant(privacy.command('set').description('change it, from now on'))
    .requiredOption('--content <mode>', 'full, pseudonymous or off')
    .action(async (options) => {
      const { setPrivacyCommand } = await import('./commands/privacy.ts');
      ended(await setPrivacyCommand(session, options));
    });

  const retention = program.command('retention').description('how long what is kept, and what that removes');
  retention
    .command('show')
    .description('print the limits')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { showRetentionCommand } = await import('./commands/retention.ts');
      ended(await showRetentionCommand(session, options));
    });
  retention
    .command('set')
    .description('change the limits: days from receipt, 30 or more; 0 is without limit')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--content <days>', 'texts of messages, answers and comments')
    .option('--quarantine <days>', 'what is in quarantine')
    .option('--raw <days>', 'events, and the single interactions, conversions and ratings that can be read')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { setRetentionCommand } = await import('./commands/retention.ts');
      ended(await setRetentionCommand(session, options));
    });
  retention
    .command('preview')
    .description('count what the next run would remove')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { previewRetentionCommand } = await import('./commands/retention.ts');
      ended(await previewRetentionCommand(session, options));
    });
  retention
    .command('runs')
    .description('list what runs have removed, the latest first')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listRetentionRunsCommand } = await import('./commands/retention.ts');
      ended(await listRetentionRunsCommand(session, options));
    });

  asOf(inWindow(program.command('kpis').description('print the KPIs of all dashboards')))
    .option('--csv', 'print them as CSV')
    .action(async (options) => {
      const { kpisCommand } = await import('./commands/kpis.ts');
      ended(await kpisCommand(session, options));
    });

  asOf(inWindow(program.command('points').description('print a figure over time')))
    .argument('<metric>', 'its name or definition id, such as containment_rate')
    .option('--granularity <length>', 'hour, day, week or month', 'day')
    .option('--by <dimension>', 'bot, group, intent, sentiment, segment or channel')
    .option('--csv', 'print the points as CSV')
    .action(async (metric: string, options) => {
      const { pointsCommand } = await import('./commands/points.ts');
      ended(await pointsCommand(session, metric, options));
    });

  asOf(inWindow(program.command('compare').description('compare figures with those of the window before')))
    .argument('[metrics...]', 'their names or definition ids (default all that can be judged)')
    .action(async (metrics: readonly string[], options) => {
      const { compareCommand } = await import('./commands/points.ts');
      ended(await compareCommand(session, metrics, options));
    });

  asOf(
    inWindow(program.command('change').description('split a figure’s change into parts that add up to it')),
  )
    .argument('<metric>', 'the name or definition id of a rate or mean')
    .requiredOption(
      '--by <dimensions>',
      'one to three of bot, group, intent, sentiment and channel, such as bot,intent',
    )
    .option('--parts <number>', 'how many parts at most (default 20); the others become one')
    .action(async (metric: string, options) => {
      const { changeCommand } = await import('./commands/points.ts');
      ended(await changeCommand(session, metric, options));
    });

  inWindow(program.command('revision').description('say why a figure was another on an earlier day'))
    .argument('<metric>', 'its name or definition id')
    .requiredOption('--as-of <day>', 'the UTC day, YYYY-MM-DD, as at whose end it was told')
    .action(async (metric: string, options) => {
      const { revisionCommand } = await import('./commands/points.ts');
      ended(await revisionCommand(session, metric, options));
    });

  inWindow(program.command('explain').description('print what stands behind a figure, row by row'))
    .argument('<metric>', 'its name or definition id, such as containment_rate')
    .option('--limit <number>', 'how many rows at most (default 20; all as JSON or CSV)')
    .option('--csv', 'print the rows as CSV')
    .action(async (metric: string, options) => {
      const { explainCommand } = await import('./commands/explain.ts');
      ended(await explainCommand(session, metric, options));
    });

  inWindow(program.command('cohorts').description('print who comes back, by when they began'))
    .option('--period <length>', 'day, week or month', 'week')
    .option('--periods <number>', 'how many periods after the first (default 12)')
    .option('--mode <mode>', 'exact, unbounded (then or later) or bracket', 'exact')
    .option('--brackets <numbers>', 'for brackets: where the ranges of periods begin, such as 1,3,7')
    .action(async (options) => {
      const { cohortsCommand } = await import('./commands/analyses.ts');
      ended(await cohortsCommand(session, options));
    });

  inWindow(program.command('ltv').description('print what members have brought since they began'))
    .option('--period <length>', 'day, week or month', 'week')
    .option('--periods <number>', 'how many periods after the first (default 12)')
    .option('--margin <share>', 'what is left of the revenue, for the forecast (default 1)')
    .action(async (options) => {
      const { lifetimeCommand } = await import('./commands/analyses.ts');
      ended(await lifetimeCommand(session, options));
    });

  inWindow(program.command('funnel').description('print how many members get from a message to a purchase'))
    .option('--within <hours>', 'how long they have for it (default 7 days)')
    .action(async (options) => {
      const { funnelCommand } = await import('./commands/analyses.ts');
      ended(await funnelCommand(session, options));
    });

  inWindow(program.command('attribution').description('print what earned the money'))
    .option('--model <model>', 'last, first, linear, time_decay or position', 'last')
    .option('--by <dimension>', 'bot, group, intent or channel', 'bot')
    .option('--lookback <days>', 'how long before a conversion an interaction may be (default 30)')
    .action(async (options) => {
      const { attributionCommand } = await import('./commands/analyses.ts');
      ended(await attributionCommand(session, options));
    });

  inWindow(program.command('dialects').description('print figures by the rules of other products')).action(
    async (options) => {
      const { dialectsCommand } = await import('./commands/analyses.ts');
      ended(await dialectsCommand(session, options));
    },
  );

  scoped(program.command('realtime').description('print the metrics of the last hour')).action(
    async (options) => {
      const { realTimeCommand } = await import('./commands/kpis.ts');
      ended(await realTimeCommand(session, options));
    },
  );

  scoped(program.command('watch').description('print the metrics of the last hour as they change')).action(
    async (options) => {
      const { watchCommand } = await import('./commands/watch.ts');
      ended(await watchCommand(session, options));
    },
  );

  inTenant(program.command('health').description('say how a bot is, by its last 24 hours'))
    .requiredOption('--bot <id>', 'the bot')
    .option('--at <time>', 'the end of the 24 hours: an instant, or a date (default now)')
    .action(async (options) => {
      const { healthCommand } = await import('./commands/health.ts');
      ended(await healthCommand(session, options));
    });

  inTenant(
    program
      .command('bot-metrics')
      .description('print BotPerformanceMetrics by hour, day, week and month, the latest first'),
  )
    .option('--bot <id>', 'only this bot')
    .option('--type <metric_type>', 'only this type, such as csat or latency')
    .option('--period <period>', 'only hourly, daily, weekly or monthly ones')
    .option('--from <time>', 'an instant, or a date: the start of that day')
    .option('--to <time>', 'the end (default now)')
    .option('--days <number>', 'the last so many times 24 hours (default 30)')
    .option('--time-zone <zone>', 'the IANA zone whose periods they are (default the tenant’s)')
    .option('--limit <number>', 'how many at most', '100')
    .action(async (options) => {
      const { botMetricsCommand } = await import('./commands/bot-metrics.ts');
      ended(await botMetricsCommand(session, options));
    });

  inTenant(program.command('alerts').description('list alerts about bots that burn their error budgets'))
    .option('--bot <id>', 'only this bot')
    .option('--open', 'only those that are not over')
    .option('--watch', 'print what is open, then what begins and ends, until Ctrl-C')
    .option('--limit <number>', 'so many at most (default 100)')
    .action(async (options) => {
      const { alertsCommand } = await import('./commands/alerts.ts');
      ended(await alertsCommand(session, options));
    });

  const webhooks = program
    .command('webhooks')
    .description('where alerts are posted to (with a key of scope admin)');
  inTenant(webhooks.command('add').description('add a URL and print its secret'))
    .argument('<url>', 'an https URL')
    .option('--severity <severity>', 'only page, or only ticket (default both)')
    .action(async (url: string, options) => {
      const { addWebhookCommand } = await import('./commands/webhooks.ts');
      ended(await addWebhookCommand(session, url, options));
    });
  inTenant(webhooks.command('list').description('list them')).action(async (options) => {
    const { listWebhooksCommand } = await import('./commands/webhooks.ts');
    ended(await listWebhooksCommand(session, options));
  });
  inTenant(webhooks.command('remove').description('remove one, with what was not delivered yet'))
    .argument('<id>', 'as `parley webhooks list` prints it')
    .action(async (id: string, options) => {
      const { removeWebhookCommand } = await import('./commands/webhooks.ts');
      ended(await removeWebhookCommand(session, id, options));
    });
  inTenant(webhooks.command('deliveries').description('list what was posted to one, and how it went'))
    .argument('<id>', 'as `parley webhooks list` prints it')
    .option('--limit <number>', 'so many at most (default 50)')
    .action(async (id: string, options) => {
      const { listDeliveriesCommand } = await import('./commands/webhooks.ts');
      ended(await listDeliveriesCommand(session, id, options));
    });

  const tenants = program
    .command('tenants')
    .description('create and list tenants, and bound them (with the operator’s key)');
  tenants
    .command('create')
    .description('create a tenant and print its first key')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .option('--time-zone <zone>', 'the IANA zone in which its days begin (default UTC)')
    .option('--currency <code>', 'its ISO 4217 currency (default USD)')
    .option('--json', 'print JSON')
    .action(async (name: string, options) => {
      const { createTenantCommand } = await import('./commands/tenants.ts');
      ended(await createTenantCommand(session, name, options));
    });
  tenants
    .command('list')
    .description('list the tenants')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listTenantsCommand } = await import('./commands/tenants.ts');
      ended(await listTenantsCommand(session, options));
    });
  const limits = tenants.command('limits').description('see and set what a tenant may use');
  inTenant(limits.command('show').description('print what holds')).action(async (options) => {
    const { showLimitsCommand } = await import('./commands/limits.ts');
    ended(await showLimitsCommand(session, options));
  });
  inTenant(limits.command('set').description('change some of them (with the operator’s key)'))
    .option('--events <number>', 'events a second; like the others, default takes it back')
    .option('--bytes <number>', 'bytes of recording calls a second')
    .option('--calls <number>', 'recording calls a second')
    .option('--streams <number>', 'streams open at a time')
    .option('--bots <number>', 'different bots')
    .option('--queries <number>', 'reading calls at a time')
    .action(async (options) => {
      const { setLimitsCommand } = await import('./commands/limits.ts');
      ended(await setLimitsCommand(session, options));
    });

  const keys = program.command('keys').description('create, list, rotate and revoke a tenant’s keys');
  keys
    .command('create')
    .description('create a key and print it')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--name <text>', 'what it is for')
    .requiredOption('--scopes <list>', 'of ingest, read, experiment, admin; separated by commas')
    .option('--expires <time>', 'from when on it is valid no more (default never)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { createKeyCommand } = await import('./commands/tenants.ts');
      ended(await createKeyCommand(session, options));
    });
  keys
    .command('list')
    .description('list the keys')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listKeysCommand } = await import('./commands/tenants.ts');
      ended(await listKeysCommand(session, options));
    });
  keys
    .command('rotate')
    .description('replace a key by a new one and print it; the old one ends after the overlap')
    .argument('<key-id>', 'as `parley keys list` prints it')
    .option('--overlap <hours>', 'how long the old one stays valid (default 24)')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (keyId: string, options) => {
      const { rotateKeyCommand } = await import('./commands/tenants.ts');
      ended(await rotateKeyCommand(session, keyId, options));
    });
  keys
    .command('revoke')
    .description('revoke a key')
    .argument('<key-id>', 'as `parley keys list` prints it')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (keyId: string, options) => {
      const { revokeKeyCommand } = await import('./commands/tenants.ts');
      ended(await revokeKeyCommand(session, keyId, options));
    });

  const quarantine = program
    .command('quarantine')
    .description('see, correct and replay what could not be accepted');
  inTenant(quarantine.command('list').description('list it, the latest first'))
    .option('--reason <reason>', 'only those with this reason, such as INVALID_FIELDS')
    .option('--limit <number>', 'how many at most', '100')
    .action(async (options) => {
      const { listQuarantineCommand } = await import('./commands/quarantine.ts');
      ended(await listQuarantineCommand(session, options));
    });
  inTenant(quarantine.command('show').description('print one with its content'))
    .argument('<id>', 'as `parley quarantine list` prints it')
    .action(async (id: string, options) => {
      const { showQuarantinedCommand } = await import('./commands/quarantine.ts');
      ended(await showQuarantinedCommand(session, id, options));
    });
  inTenant(quarantine.command('fix').description('record a corrected event in place of one'))
    .argument('<id>', 'as `parley quarantine list` prints it')
    .argument('[file]', 'the event as JSON, as `show` prints it; - is standard input', '-')
    .action(async (id: string, file: string, options) => {
      const { fixQuarantinedCommand } = await import('./commands/quarantine.ts');
      ended(await fixQuarantinedCommand(session, id, file, options));
    });
  inTenant(quarantine.command('replay').description('record events again as they came'))
    .argument('[ids...]', 'as `parley quarantine list` prints them')
    .option('--all', 'all that there are')
    .option('--reason <reason>', 'with --all, only those with this reason')
    .action(async (ids: readonly string[], options) => {
      const { replayQuarantineCommand } = await import('./commands/quarantine.ts');
      ended(await replayQuarantineCommand(session, ids, options));
    });
  inTenant(quarantine.command('discard').description('remove events for good'))
    .argument('<ids...>', 'as `parley quarantine list` prints them')
    .action(async (ids: readonly string[], options) => {
      const { discardQuarantinedCommand } = await import('./commands/quarantine.ts');
      ended(await discardQuarantinedCommand(session, ids, options));
    });

  const intents = program.command('intents').description('train, list and activate a tenant’s intents');
  intents
    .command('train')
    .description('train intents from examples, as the next version')
    .argument('<file>', 'lines of {"text","label"}, label oos for what is outside; - is standard input')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--activate', 'read by it as soon as it is trained')
    .option('--json', 'print JSON')
    .action(async (file: string, options) => {
      const { trainCommand } = await import('./commands/language.ts');
      ended(await trainCommand(session, file, options));
    });
  intents
    .command('list')
    .description('list what was trained')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listModelsCommand } = await import('./commands/language.ts');
      ended(await listModelsCommand(session, options));
    });
  intents
    .command('activate')
    .description('read texts by a version from now on')
    .argument('<version>', 'as `parley intents list` prints it; 0 is what every tenant has')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON')
    .action(async (version: string, options) => {
      const { activateCommand } = await import('./commands/language.ts');
      ended(await activateCommand(session, version, options));
    });
  program
    .command('understand')
    .description('print what texts mean, without keeping them')
    .argument('<file>', 'lines of {"text"}; - is standard input')
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON lines')
    .action(async (file: string, options) => {
      const { understandCommand } = await import('./commands/language.ts');
      ended(await understandCommand(session, file, options));
    });

  program
    .command('projections')
    .description('list what is computed from the log, and how far it is')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listProjectionsCommand } = await import('./commands/projections.ts');
      ended(await listProjectionsCommand(session, options));
    });
  program
    .command('verify')
    .description('compute projections once more from the log and compare; 3 when anything differs')
    .argument('[projection]', 'only this one')
    .option('--from <time>', 'compare only what is of this instant or date (UTC) or later')
    .option('--to <time>', 'compare only what is before this instant or date (UTC)')
    .option('--tenant <name>', 'compare only what is of this tenant')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options) => {
      const { verifyCommand } = await import('./commands/projections.ts');
      ended(await verifyCommand(session, name, options));
    });
  program
    .command('verifications')
    .description('print what the verifications at night have found; 3 when the latest found something')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listVerificationsCommand } = await import('./commands/projections.ts');
      ended(await listVerificationsCommand(session, options));
    });
  program
    .command('rebuild')
    .description('compute a projection once more from the log and put it in place')
    .argument('<projection>', 'as `parley projections` prints it')
    .option('--json', 'print JSON')
    .action(async (name: string, options) => {
      const { rebuildCommand } = await import('./commands/projections.ts');
      ended(await rebuildCommand(session, name, options));
    });
  program
    .command('parked')
    .description('list events that a projection could not take')
    .option('--json', 'print JSON')
    .action(async (options) => {
      const { listParkedCommand } = await import('./commands/projections.ts');
      ended(await listParkedCommand(session, options));
    });
  program
    .command('replay')
    .description('let a projection try its parked events again')
    .argument('<projection>', 'as `parley projections` prints it')
    .option('--json', 'print JSON')
    .action(async (name: string, options) => {
      const { replayCommand } = await import('./commands/projections.ts');
      ended(await replayCommand(session, name, options));
    });

  program
    .command('demo')
    .description('write invented traffic as JSON lines, and on demand the KPIs that it must give')
    .option('--seed <number>', 'the same seed gives the same lines', '1')
    .requiredOption('--from <date>', 'the first day, such as 2026-03-01 (UTC)')
    .requiredOption('--to <date>', 'the day after the last')
    .option('--conversations <number>', 'conversations a day', '100')
    .option('--tenant <name>', 'the tenant that the lines name', 'demo')
    .option('--truth', 'print the KPIs of these lines instead, as JSON')
    .action(async (options) => {
      const { demoCommand } = await import('./commands/demo.ts');
      ended(await demoCommand(session, options));
    });

  return program;
}

function inTenant(command: Command): Command {
  return command
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--json', 'print JSON');
}

function ofSubject(command: Command): Command {
  return command
    .option('--member <id>', 'this member')
    .option('--group <id>', 'everybody in this group; with neither the whole tenant');
}

function scoped(command: Command): Command {
  return command
    .option('--tenant <name>', 'the tenant (with the operator’s key)')
    .option('--bot <id>', 'only this bot')
    .option('--group <id>', 'only this group')
    .option('--intent <name>', 'only this intent')
    .option('--channel <name>', 'only this channel')
    .option('--sentiment <name>', 'only positive, neutral or negative ones')
    .option('--segment <name>', 'only members of this segment')
    .option('--json', 'print JSON');
}

function asOf(command: Command): Command {
  return command.option('--as-of <day>', 'as known at the end of that UTC day, YYYY-MM-DD (default now)');
}

function inWindow(command: Command): Command {
  return scoped(command)
    .option('--from <time>', 'an instant, or a date: the start of that day')
    .option('--to <time>', 'the end, not included (default now)')
    .option('--days <number>', 'the last so many times 24 hours (default 30)')
    .option('--time-zone <zone>', 'the IANA zone in which days begin (default the tenant’s)');
}
