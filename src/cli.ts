#!/usr/bin/env node
// The command table. Exit codes: 0 done, 1 failed, 2 wrong use, with one clear line on stderr. Each
// command is loaded when it is called: asking for the status must not wait for the templates'
// compiler.
// Long because what a command takes, does and looks like in use is looked for in one table.
import { existsSync, realpathSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { CALL } from './commands/calling.ts'
import { describeError, UsageError } from './errors.ts'
import { VERSION } from './version.ts'

const DATE: [string, string] = ['--date <date>', 'the date of the edition, YYYY-MM-DD']
const WEEKLY: [string, string] = ['--weekly', 'the weekly edition that ends with the date']
const JSON_OUT: [string, string] = ['--json', 'print one JSON object']
const SOURCE: [string, string] = ['--source <source>', 'an https:// address or file:DIRECTORY']

/**
 * Options that may come again. A topic holds no comma, so that several may stand in one; a name
 * may.
 */
const eachTopic = (given: string, before: string[] = []) => [...before, ...given.split(',')]
const eachName = (given: string, before: string[] = []) => [...before, given]

/** Returns calls that can be pasted as they stand, as the end of a command's help. */
function examples(...calls: string[]): string {
  return ['', 'Examples:', ...calls.map((call) => `  ${CALL} ${call}`)].join('\n')
}

/** How long a closed process may linger. */
const LINGER_MS = 2_000

const program = new Command('paper-round')
  .description("The day's trending research papers, ranked by votes, in every subscriber's inbox.")
  .version(VERSION, '--version', 'print the version')
  .helpOption('-h, --help', 'print this help, or that of a command')
  .addHelpText(
    'after',
    `${examples(
      'demo',
      'subscribers add ada@example.org --zone Europe/London',
      'collect --date 2026-03-05',
      'edition --date 2026-03-05 --freeze',
      'send --date 2026-03-05 --dry-run',
      'status',
    )}

Each command has a help of its own: ${CALL} send --help`,
  )
  .showSuggestionAfterError()
  // One line, as every other mistake: the suggestion comes on a second one.
  .configureOutput({
    outputError: (text, write) =>
      write(
        `paper-round: ${text
          .replace(/^error: /, '')
          .trim()
          .replaceAll('\n', ' ')}\n`,
      ),
  })
  .exitOverride()

program.commandsGroup('To look at it:')
program
  .command('demo')
  .description('run one whole round on sample data and show its emails')
  .option('--date <date>', 'the date to run, YYYY-MM-DD (the two sample days)')
  .option(...SOURCE)
  .option('--subscribers <n>', 'how many sample subscribers (12)')
  .option('--exit', 'end after the round instead of showing the emails')
  .option(...JSON_OUT)
  .addHelpText(
    'after',
    examples('demo', 'demo --subscribers 10000 --exit', 'demo --source file:my-days --date 2026-03-05'),
  )
  .action(async (options) => (await import('./commands/demo.ts')).demoCommand(options))
program
  .command('preview')
  .description('show a digest live while its templates are written')
  .option(...DATE)
  .option(...WEEKLY)
  .option(...SOURCE)
  .option('--subscriber <email>', 'with the choices of this subscriber')
  .option('--open', 'open it in the browser')
  .option(...JSON_OUT)
  .addHelpText('after', examples('preview --open', 'preview --date 2026-03-05 --subscriber ada@example.org'))
  .action(async (options) => (await import('./commands/preview.ts')).previewCommand(options))
program.commandsGroup('To run it:')
program
  .command('init')
  .description('ask for what sending takes, write it to .env with a link secret made once, and look at it all (doctor)')
  .option('--public-url <url>', 'where readers reach the website')
  .option('--mail-from <sender>', '"Name <address>", as the provider has verified it')
  .option('--provider <provider>', 'resend, smtp or outbox')
  .option(...JSON_OUT)
  .addHelpText('after', examples('init', 'init --provider outbox --public-url http://localhost:3000'))
  .action(async (options) => {
    await (await import('./commands/init.ts')).initCommand(options)
    // With --json one object is all that may be printed.
    if (options.json) return
    const { loadEnvFile } = await import('./config.ts')
    loadEnvFile()
    await (await import('./commands/doctor/doctor.ts')).doctorCommand({})
  })
program
  .command('start')
  .description('run until told to stop')
  .option('--roles <roles>', 'web, worker, scheduler, separated by commas (all)')
  .option('--new-secret', 'LINK_SECRET was changed on purpose: links signed with the one before die')
  .addHelpText('after', examples('start', 'start --roles web', 'start --roles worker,scheduler'))
  .action(async (options) => (await import('./commands/start.ts')).startCommand(options))
program
  .command('migrate')
  .description('bring the schema up to date')
  .option(...JSON_OUT)
  .action(async (options) => (await import('./commands/migrate.ts')).migrateCommand(options))
program
  .command('doctor')
  .description('look at settings, stores, sender, provider and source before a reader has to miss a digest')
  .option('--live <email>', 'also send one email there, marked as a test')
  .option(...JSON_OUT)
  .addHelpText('after', examples('doctor', 'doctor --live me@example.org', 'doctor --json'))
  .action(async (options) => (await import('./commands/doctor/doctor.ts')).doctorCommand(options))
program
  .command('healthcheck')
  .description('whether a role lives on this machine, by its heartbeat: for whoever restarts it')
  .option('--role <role>', 'worker or scheduler (any of them, or the website at PORT)')
  .option(...JSON_OUT)
  .addHelpText('after', examples('healthcheck', 'healthcheck --role worker'))
  .action(async (options) => (await import('./commands/healthcheck.ts')).healthcheckCommand(options))
program
  .command('bounces')
  .description('read the mailbox of bounces once; a scheduler does so all the time')
  .option(...JSON_OUT)
  .addHelpText('after', examples('bounces', 'bounces --json'))
  .action(async (options) => (await import('./commands/bounces.ts')).bouncesCommand(options))
program.commandsGroup('An edition by hand:')
program
  .command('collect')
  .description('fetch and keep dates')
  .option('--date <date>', 'a date or a range, YYYY-MM-DD[..YYYY-MM-DD]')
  .option(...SOURCE)
  .option(...JSON_OUT)
  .addHelpText('after', examples('collect --date 2026-03-05', 'collect --date 2026-03-01..2026-03-05'))
  .action(async (options) => (await import('./commands/collect.ts')).collectCommand(options))
program
  .command('edition')
  .description('rank and print an edition, with reasons')
  .option(...DATE)
  .option(...WEEKLY)
  .option(...SOURCE)
  .option('--freeze', 'keep it: its order is final from then on')
  .option(...JSON_OUT)
  .addHelpText('after', examples('edition --date 2026-03-05', 'edition --date 2026-03-08 --weekly --freeze'))
  .action(async (options) => (await import('./commands/edition.ts')).editionCommand(options))
program
  .command('send')
  .description('send an edition to everyone of its kind now; safe to repeat')
  .option(...DATE)
  .option(...WEEKLY)
  .option('--dry-run', 'only say what would be due; before the cut-off, by current votes')
  .option('--only <email>', 'one subscriber only')
  .option(...JSON_OUT)
  .addHelpText('after', examples('send --date 2026-03-05 --dry-run', 'send --date 2026-03-05 --only ada@example.org'))
  .action(async (options) => (await import('./commands/send.ts')).sendCommand(options))
program
  .command('stop')
  .description('stop all digests, or one edition, until you resume; notices still go')
  .option('--date <date>', 'one edition only, YYYY-MM-DD, made already or not')
  .option(...WEEKLY)
  .option('--reason <reason>', 'kept and shown with it')
  .option(...JSON_OUT)
  .addHelpText('after', examples('stop', 'stop --reason "a wrong link in the footer"', 'stop --date 2026-03-05'))
  .action(async (options) => (await import('./commands/stop.ts')).stopCommand(options))
program
  .command('resume')
  .description('lift everything that is stopped, or what stopped one edition, and list it')
  .option('--date <date>', 'one edition only, YYYY-MM-DD')
  .option(...WEEKLY)
  .option('--restored', 'lift the hold of a database that was restored from a backup, with every worker stopped')
  .option(
    '--as <decision>',
    'with --restored: found (the default) reads twice, ten minutes apart, what the provider accepted; sent counts everyone due since the backup as served; again sends to all, which may double',
  )
  .option(
    '--exact',
    'with --restored: also reads every email of the gap for its papers, one request each, so that none comes to the same reader again',
  )
  .option('--yes', 'with --restored: without asking')
  .option(...JSON_OUT)
  .addHelpText('after', examples('resume', 'resume --date 2026-03-05', 'resume --restored'))
  .action(async (options) => (await import('./commands/resume.ts')).resumeCommand(options))
program
  .command('resolve')
  .description('decide on deliveries that stay unknown')
  .option(...DATE)
  .option(...WEEKLY)
  .option(
    '--as <decision>',
    'found: ask the provider; again: the same, and send the rest under a new key, which may double; drop: leave them unknown',
  )
  .option('--yes', 'send again without asking')
  .option(...JSON_OUT)
  .addHelpText('after', examples('resolve --date 2026-03-05 --as found', 'resolve --date 2026-03-05 --as again --yes'))
  .action(async (options) => (await import('./commands/resolve.ts')).resolveCommand(options))
program
  .command('test-mail <email>')
  .description('send one digest to look at, marked as a test: no list and no history is touched')
  .option('--as <email>', 'as this subscriber would get it')
  .option(...JSON_OUT)
  .addHelpText('after', examples('test-mail me@example.org', 'test-mail me@example.org --as ada@example.org'))
  .action(async (email, options) => (await import('./commands/test-mail.ts')).testMailCommand(email, options))
program.commandsGroup('To know what happened:')
program
  .command('status')
  .description('the accounts of an edition (the newest), and whatever is stopped or not finished')
  .option(...DATE)
  .option(...WEEKLY)
  .option('--watch', 'follow it, with rate and time left, until nothing waits')
  .option('--growth', 'how votes grew after the last editions froze, and what had the final five by then')
  .option(...JSON_OUT)
  .addHelpText('after', examples('status', 'status --watch', 'status --date 2026-03-08 --weekly --json'))
  .action(async (options) => (await import('./commands/status.ts')).statusCommand(options))
program
  .command('outlook')
  .description('what a coming edition will send, by current votes')
  .option('--date <date>', 'the date of the edition, YYYY-MM-DD (the one that is open)')
  .option(...WEEKLY)
  .option(...JSON_OUT)
  .addHelpText('after', examples('outlook', 'outlook --date 2026-03-08 --weekly --json'))
  .action(async (options) => (await import('./commands/outlook.ts')).outlookCommand(options))
program
  .command('explain <email>')
  .description('why a subscriber got these papers, or why no email (the newest)')
  .option(...DATE)
  .option(...WEEKLY)
  .option(...JSON_OUT)
  .addHelpText('after', examples('explain ada@example.org', 'explain ada@example.org --date 2026-03-05'))
  .action(async (email, options) => (await import('./commands/explain.ts')).explainCommand(email, options))
program.commandsGroup('Who gets it:')
const subscribers = program
  .command('subscribers')
  .description('one reader and the whole list: add, show, change, import, export, erase')
subscribers
  .command('add <email>')
  .description('add a confirmed subscriber, with your word for their consent')
  .option('--cadence <cadence>', 'daily, working-days or weekly:mon (daily)')
  .option('--hour <hour>', 'local hour, 0 to 23 (7)')
  .option('--zone <zone>', 'IANA time zone (UTC)')
  .option('--papers <n>', 'most papers a digest, 1 to 50 (10); up to 3 late risers come on top')
  .option('--length <length>', 'titles, short or full (short)')
  .option('--include <topic>', 'a topic to put first; again or after a comma for more', eachTopic)
  .option('--mute <topic>', 'a topic never wanted; again or after a comma for more', eachTopic)
  .option('--author <name>', 'an author to follow; again for more', eachName)
  .option('--organisation <name>', 'an organisation to follow; again for more', eachName)
  .option('--min-votes <n>', 'no paper with fewer votes (0)')
  .option('--only-with-code <yes|no>', 'no paper without code (no)')
  .option('--only', 'nothing but what is included or followed')
  .option('--note <words>', 'what you say of their consent, kept with it')
  .option(...JSON_OUT)
  .addHelpText(
    'after',
    examples(
      'subscribers add ada@example.org',
      'subscribers add ada@example.org --cadence weekly:mon --hour 8 --zone Europe/London',
      'subscribers add ada@example.org --include LLM,agents --mute GAN',
    ),
  )
  .action(async (email, options) =>
    (await import('./commands/subscribers/subscribers.ts')).addSubscriberCommand(email, options),
  )
subscribers
  .command('list')
  .description('list subscribers')
  .option(...JSON_OUT)
  .action(async (options) => (await import('./commands/subscribers/subscribers.ts')).listSubscribersCommand(options))
subscribers
  .command('import <file>')
  .description('take a list over: our own CSV or that of another program, - for standard input; safe to repeat')
  .option('--zone <zone>', 'for whom the file names none, IANA time zone (UTC)')
  .option('--hour <hour>', 'for whom the file names none, local hour (7)')
  .option('--cadence <cadence>', 'for whom the file names none (daily)')
  .option('--dry-run', 'only say what would come of it')
  .option(...JSON_OUT)
  .addHelpText('after', examples('subscribers import list.csv --dry-run', 'subscribers import - < list.csv'))
  .action(async (file, options) =>
    (await import('./commands/subscribers/import.ts')).importSubscribersCommand(file, options),
  )
subscribers
  .command('export [email]')
  .description('write every subscriber to standard output as CSV, or all that is kept of one as JSON')
  .option(...JSON_OUT)
  .addHelpText('after', examples('subscribers export > list.csv', 'subscribers export ada@example.org > ada.json'))
  .action(async (email, options) =>
    (await import('./commands/subscribers/export.ts')).exportSubscribersCommand(email, options),
  )
subscribers
  .command('erase <email>')
  .description('erase a subscriber: everything but a keyed hash that keeps them from being written to')
  .option(...JSON_OUT)
  .action(async (email, options) =>
    (await import('./commands/subscribers/erase.ts')).eraseSubscriberCommand(email, options),
  )
subscribers
  .command('show <email>')
  .description('one reader: how they consented, what they chose, and their last 30 days')
  .option(...JSON_OUT)
  .addHelpText('after', examples('subscribers show ada@example.org'))
  .action(async (email, options) =>
    (await import('./commands/subscribers/show.ts')).showSubscriberCommand(email, options),
  )
subscribers
  .command('set <email>')
  .description('change what a confirmed subscriber chose; a list that is named replaces theirs')
  .option('--cadence <cadence>', 'daily, working-days or weekly:mon')
  .option('--hour <hour>', 'local hour, 0 to 23')
  .option('--zone <zone>', 'IANA time zone')
  .option('--papers <n>', 'most papers a digest, 1 to 50; up to 3 late risers come on top')
  .option('--length <length>', 'titles, short or full')
  .option('--min-votes <n>', 'no paper with fewer votes')
  .option('--only-with-code <yes|no>', 'no paper without code')
  .option('--include <topic>', 'a topic to put first; again or after a comma for more', eachTopic)
  .option('--mute <topic>', 'a topic never wanted; again or after a comma for more', eachTopic)
  .option('--author <name>', 'an author to follow; again for more', eachName)
  .option('--organisation <name>', 'an organisation to follow; again for more', eachName)
  .option('--include-means <only|first>', 'nothing but what is included or followed, or that first')
  .option('--silence <silent|note>', 'a note on days without a digest, or none')
  .option('--clear <list>', 'include, mute, authors or organisations; again or after a comma for more', eachTopic)
  .option(...JSON_OUT)
  .addHelpText(
    'after',
    examples(
      'subscribers set ada@example.org --cadence weekly:fri --hour 8',
      'subscribers set ada@example.org --clear mute',
    ),
  )
  .action(async (email, options) =>
    (await import('./commands/subscribers/set.ts')).setSubscriberCommand(email, options),
  )
subscribers
  .command('pause <email>')
  .description('pause a confirmed subscriber, or end their pause')
  .option('--until <date>', 'that local day included, YYYY-MM-DD')
  .option('--days <n>', 'so many days from their today')
  .option('--end', 'go on from now')
  .option(...JSON_OUT)
  .addHelpText(
    'after',
    examples('subscribers pause ada@example.org --days 14', 'subscribers pause ada@example.org --end'),
  )
  .action(async (email, options) =>
    (await import('./commands/subscribers/set.ts')).pauseSubscriberCommand(email, options),
  )
subscribers
  .command('suppress <email>')
  .description('never write to an address again, whether it is subscribed or not, until it is lifted')
  .option('--reason <reason>', 'bounce, complaint, provider, or words of your own')
  .option(...JSON_OUT)
  .addHelpText('after', examples('subscribers suppress ada@example.org --reason "asked by phone"'))
  .action(async (email, options) =>
    (await import('./commands/subscribers/suppressions.ts')).suppressCommand(email, options),
  )
subscribers
  .command('lift <email>')
  .description('lift the suppression of an address: bounced, complained, or refused by the provider')
  .option(...JSON_OUT)
  .action(async (email, options) =>
    (await import('./commands/subscribers/suppressions.ts')).liftSuppressionCommand(email, options),
  )
program.commandsGroup('More:').helpCommand('help [command]', 'print the help of a command')

// The demo is isolated: nothing that a host has written for the real thing reaches it.
program.hook('preAction', async (_, command) => {
  if (command.name() === 'demo' || command.name() === 'init') return
  const { loadEnvFile } = await import('./config.ts')
  const taken = loadEnvFile()
  if (taken && taken.length > 0 && !command.opts().json) {
    process.stderr.write(`Settings from .env: ${taken.join(', ')}\n`)
  }
})

/**
 * Throws a UsageError for what commander answers by a whole help, without a word of what was wrong:
 * help for a command that there is not, and a group without the name of a command.
 */
function checkNames(args: readonly string[]): void {
  const group = program.commands.find((each) => each.commands.length > 0 && each.name() === args[0])
  const of = group ?? program
  const [first, second] = group ? args.slice(1) : args
  const call = group ? `${CALL} ${group.name()}` : CALL
  if (group && first === undefined) {
    throw new UsageError(`${group.name()} wants to know what to do: see ${call} --help`)
  }
  const isKnown = second === undefined || second.startsWith('-') || of.commands.some((each) => each.name() === second)
  if (first === 'help' && !isKnown) throw new UsageError(`there is no command ${second}: see ${call} --help`)
}

/** Runs one command. What went wrong is a line on stderr, and `process.exitCode`; never throws. */
export async function runCommand(args: readonly string[]): Promise<void> {
  try {
    checkNames(args)
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are not mistakes; the others have been printed already.
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else if (error instanceof UsageError) {
      for (const problem of error.problems) process.stderr.write(`paper-round: ${problem}\n`)
      process.exitCode = 2
    } else {
      process.stderr.write(`paper-round: ${describeError(error)}\n`)
      process.exitCode = 1
    }
  }
}

/** Installed as a package, it is called by a link. */
const [, called = ''] = process.argv
if (existsSync(called) && realpathSync(called) === fileURLToPath(import.meta.url)) {
  // What a command loads is compiled once a version, and kept where Node 22 and newer keep it.
  const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
  enableCompileCache?.()
  // Whoever reads along (head, less) may leave before the end.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    process.stderr.write(`paper-round: the output cannot be written: ${describeError(error)}\n`)
    process.exit(1)
  })
  // What is said besides is no result: without room for it, the work goes on.
  process.stderr.on('error', () => {})
  await runCommand(process.argv.slice(2))
  // A connection that was lost for good can keep timers alive after everything is closed: nothing
  // is waited for any more.
  setTimeout(() => process.exit(), LINGER_MS).unref()
}
