// Shows an edition's digest as a reader would get it, live while its templates are written: a page
// on loopback, no delivery, nothing stored. With --json it says once what the mail comes to.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, readConfig } from '../config.ts'
import { hostOf, type Keep, openConfiguredSource, untilAborted, withKept } from '../context.ts'
import { OWNER_FOLDER } from '../database/embedded/address.ts'
import { openUnmigrated } from '../database/stores.ts'
import { type Logger, openLogger } from '../logger.ts'
import { findSubscriberByAddress } from '../subscriber/store.ts'
import { isSchemaCurrent } from '../web/operator/health.ts'
import type { PreviewChoice } from '../web/preview/choice.ts'
import { findMail, getDigest, type PreviewParts, sayNothing } from '../web/preview/digest.ts'
import { isAnyStored, openEditions } from '../web/preview/editions.ts'
import { createPreview } from '../web/preview/preview.ts'
import { openTemplateFolder } from '../web/preview/templates.ts'
import { listen } from '../web/server.ts'
import { kindOf, parseAddress, parseAll, parseDate, parseSource } from './arguments.ts'
import { demoHint } from './session.ts'
import { untilSignal } from './signal.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface PreviewOptions {
  date?: string
  weekly?: boolean
  subscriber?: string
  source?: string
  open?: boolean
  json?: boolean
}

/** Any free port; links read as they do by default. */
const DEFAULTS = { PORT: '0', PUBLIC_URL: 'http://localhost:3000' }

/**
 * What stands in for this process's signals, port, settings and terminal while somebody works on
 * the program.
 */
export interface PreviewSurroundings {
  signal?: AbortSignal
  listen?: typeof listen
  settings?: Partial<Config>
  terminal?: Terminal
}

export async function previewCommand(options: PreviewOptions, around: PreviewSurroundings = {}): Promise<void> {
  const { date, subscriber, config } = parseAll({
    date: () => (options.date === undefined ? undefined : parseDate(options.date)),
    subscriber: () => (options.subscriber === undefined ? '' : parseAddress(options.subscriber)),
    source: () => parseSource(options.source),
    config: () => ({ ...readConfig('stores', DEFAULTS), ...around.settings }),
  })
  const start: PreviewChoice = { date, kind: kindOf(options), subscriber, length: undefined, missed: false }
  const logger = openLogger(config.logLevel ?? 'warn')
  const terminal = around.terminal ?? openTerminal(options)
  await withKept(logger, async (keep) => {
    const templates = keep(openTemplateFolder(config.templatesDir))
    const db = await openKnownStores(config, logger, keep)
    if (subscriber !== '' && !(db && (await findSubscriberByAddress(db, subscriber)))) {
      throw new Error(`${subscriber} is not a subscriber${demoHint(config)}`)
    }
    const editions = openEditions({
      db,
      source: openConfiguredSource({ config, logger }, options.source),
      // Nothing named and nothing stored: whoever has just begun gets something to look at.
      sample: start.date === undefined && options.source === undefined && !(db && (await isAnyStored(db))),
    })
    const parts: PreviewParts = { db, editions, templates, host: hostOf(config) }
    if (options.json) await printOnce(parts, start, terminal)
    else await serve(parts, start, { port: config.port, ...options }, terminal, keep, around)
  })
}

async function printOnce(parts: PreviewParts, start: PreviewChoice, terminal: Terminal): Promise<void> {
  const digest = await getDigest(parts, start)
  const mail = await findMail(parts, digest)
  if (!mail) throw new Error(sayNothing(digest))
  const { date, kind } = digest.outlook
  const { subject, htmlBytes, messageBytes, headers } = mail
  const byName = Object.fromEntries(headers.map(({ name, value }) => [name, value]))
  terminal.print({ date, kind, subject, htmlBytes, messageBytes, headers: byName }, [])
}

async function serve(
  parts: PreviewParts,
  start: PreviewChoice,
  { port, open = false }: { port: number; open?: boolean },
  terminal: Terminal,
  keep: Keep,
  { signal = untilSignal(), listen: openPort = listen }: PreviewSurroundings,
): Promise<void> {
  // Its stream of changes is still until a template changes.
  const address = { port, hostname: 'localhost', stillMs: 0 }
  const server = keep(await openPort(createPreview({ ...parts, start, signal }), address))
  terminal.print(undefined, [
    `Preview at ${server.url}: it follows the templates in ${parts.templates.directories[0]}.`,
  ])
  terminal.say('Ctrl-C ends it.')
  if (open) openInBrowser(server.url)
  await untilAborted(signal)
}

/**
 * Opens the stores without bringing their schema up to date, as this command changes nothing.
 * Returns undefined when none is named and no embedded one was ever made.
 */
async function openKnownStores(config: Config, logger: Logger, keep: Keep) {
  if (config.databaseUrl === undefined && !existsSync(join(config.dataDir, OWNER_FOLDER))) return undefined
  const { db } = keep(await openUnmigrated(config, logger))
  if (await isSchemaCurrent(db)) return db
  throw new Error('the schema of these stores is not that of this version: run "migrate" first')
}

function openInBrowser(url: string): void {
  const opener = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open'
  spawn(opener, [url], { detached: true, stdio: 'ignore' })
    .on('error', () => process.stderr.write(`${opener} is not here: open the address yourself\n`))
    .unref()
}
