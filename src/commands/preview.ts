// Writes an edition's digest as a reader would get it to files, without a delivery: HTML, text, and what stands around them.
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { joinDigest, preparePieces } from '../digest/joining.ts'
import { loadTemplates, renderEdition } from '../digest/rendering.ts'
import { selectPapers } from '../digest/selection.ts'
import { findNewestEdition } from '../edition/store.ts'
import { outlookFromSource, outlookFromStore } from '../jobs/outlook.ts'
import { hostOf, openConfiguredSource } from '../main.ts'
import { parseChoices } from '../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../subscriber/store.ts'
import { editionName } from './accounts.ts'
import { kindOf, parseAddress, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

interface PreviewOptions {
  date?: string
  weekly?: boolean
  subscriber?: string
  open?: boolean
  json?: boolean
}

/** Stands where a real mail has its signed tokens: these links open nothing. */
const NO_TOKENS = { unsubscribe: 'preview', view: 'preview' }

export async function previewCommand(options: PreviewOptions): Promise<void> {
  const kind = kindOf(options)
  const given = options.date === undefined ? undefined : parseDate(options.date)
  const address = options.subscriber === undefined ? undefined : parseAddress(options.subscriber)
  const written = await withStores('stores', async ({ config, stores, logger }) => {
    const date = given ?? (await findNewestEdition(stores.db, kind))?.date
    if (!date) throw new Error(`no ${kind} edition was frozen yet: name one with --date`)
    const subscriber = address && (await findSubscriberByAddress(stores.db, address))
    if (address && !subscriber) throw new Error(`${address} is not a subscriber`)
    const choices = subscriber ? subscriber.choices : parseChoices({})
    const source = openConfiguredSource(config, logger)
    const outlook =
      (await outlookFromStore(stores.db, date, kind)) ?? (await outlookFromSource(source, date, kind, stores.db))
    const selection = selectPapers(outlook.places, choices, new Set())
    if (selection.papers.length === 0) {
      throw new Error(
        `${editionName({ date, kind })} has nothing for these choices${outlook.reason ? `: ${outlook.reason}` : ''}`,
      )
    }
    const templates = await loadTemplates(config.templatesDir)
    const pieces = await renderEdition(outlook, choices.length, hostOf(config), templates)
    const mail = joinDigest(preparePieces(pieces, 'utf8'), selection, NO_TOKENS)
    const stem = join(config.dataDir, 'preview', `${date}-${kind}`)
    await mkdir(join(config.dataDir, 'preview'), { recursive: true })
    await Promise.all([writeFile(`${stem}.html`, mail.html), writeFile(`${stem}.txt`, mail.text)])
    const htmlBytes = Buffer.byteLength(mail.html)
    return {
      date,
      kind,
      html: `${stem}.html`,
      text: `${stem}.txt`,
      subject: mail.subject,
      htmlBytes,
      headers: mail.headers,
    }
  })
  openTerminal(options).print(written, [
    `Subject: ${written.subject}`,
    ...Object.entries(written.headers).map(([name, value]) => `${name}: ${value}`),
    '',
    `HTML  ${written.html} (${(written.htmlBytes / 1000).toFixed(1)} kB)`,
    `Text  ${written.text}`,
  ])
  if (options.open) openInBrowser(written.html)
}

function openInBrowser(path: string): void {
  const opener = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open'
  spawn(opener, [path], { detached: true, stdio: 'ignore' })
    .on('error', () => process.stderr.write(`${opener} is not here: open the file yourself\n`))
    .unref()
}
