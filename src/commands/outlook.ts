// What a coming edition will send, by current votes: to how many readers, at which hours and zones,
// what leads, and whether quota and pace last. Reads only.
import { readConfig } from '../config.ts'
import { openConfiguredProviders } from '../context.ts'
import { getNow } from '../database/clock.ts'
import { foresee, type Sending } from '../delivery/provider/forecast.ts'
import { readRoutes } from '../delivery/provider/routes.ts'
import { cleanText } from '../digest/text/text.ts'
import { counted, grouped } from '../digest/text/words.ts'
import { readTopics } from '../digest/topics/topics.ts'
import { cutoffOf, dateOf } from '../edition/edition.ts'
import { findStopReason } from '../edition/stop.ts'
import { type Counted, type DigestOutlook, readOutlook } from '../jobs/outlook.ts'
import { MINUTE_MS } from '../time.ts'
import { editionName, momentInWords, unknownInWords } from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { rampLines } from './good-name.ts'
import { demoHint, withLook } from './session.ts'
import { openTerminal } from './terminal.ts'

interface OutlookOptions {
  date?: string
  weekly?: boolean
  json?: boolean
}

const PAPERS_SHOWN = 5
const ZONES_SHOWN = 3

export async function outlookCommand(options: OutlookOptions): Promise<void> {
  const kind = kindOf(options)
  const parsed = parseAll({
    date: () => (options.date === undefined ? undefined : parseDate(options.date)),
    settings: () => readConfig('stores'),
  })
  // Pace and quota are settings: the provider is asked nothing, so that no secret is needed.
  await withLook(async (context) => {
    const { config, stores } = context
    const { db } = stores
    const now = await getNow(db)
    // The date whose votes still count.
    const date = parsed.date ?? dateOf(new Date(now.getTime() - config.cutoffMinutes * MINUTE_MS))
    const { cutoffMinutes, latenessMs } = config
    const cutoffAt = cutoffOf(date, cutoffMinutes)
    if (cutoffAt.getTime() + latenessMs < now.getTime()) {
      const words = `${editionName({ date, kind })} is over: its votes were counted at ${momentInWords(cutoffAt)}`
      throw new Error(`${words}, and what LATENESS allows has passed. Ask "status --date ${date}"${demoHint(config)}`)
    }
    const topics = readTopics(config.templatesDir)
    const outlook = await readOutlook({ db, topics, cutoffMinutes, latenessMs }, { date, kind })
    if (!outlook) throw new Error(unknownInWords({ date, kind }, now) + demoHint(config))
    if (outlook.edition.state === 'frozen') {
      throw new Error(`${editionName({ date, kind })} is frozen already: ask "status" or "explain"`)
    }
    const providers = await openConfiguredProviders(context)
    const sending = foresee(await readRoutes({ db, providers }), outlook.hours, now, outlook.putOff)
    const stopped = await findStopReason(db, { date, kind })
    openTerminal(options).print(fieldsOf(outlook, sending, stopped), linesOf(outlook, sending, stopped))
  })
}

function fieldsOf(outlook: DigestOutlook, sending: Sending, stopped: string | null) {
  const { edition, cutoffAt, emails, filtered, merged, paused, suppressed, hours } = outlook
  const { date, kind, state, verdict, reason } = edition
  const paper = ({ place, emails: count }: Counted) => ({
    id: place.paper.id,
    title: place.paper.title,
    upvotes: place.upvotes,
    listedOn: place.listedOn,
    emails: count,
  })
  return {
    ...{ date, kind, state, verdict, reason, cutoffAt, stopped },
    ...{ emails, filtered, merged, paused, suppressed, hours },
    leads: outlook.leads.map(paper),
    lateRisers: outlook.lateRisers.map(paper),
    sending,
  }
}

function linesOf(outlook: DigestOutlook, sending: Sending, stopped: string | null): string[] {
  const { edition, cutoffAt, emails, hours, leads, lateRisers } = outlook
  const doubted = edition.verdict === 'complete' ? '' : `, ${edition.verdict} (${edition.reason})`
  const ranked = edition.places.filter(({ section }) => section === 'ranked').length
  // Late risers alone make no edition.
  const whyNothing = ranked === 0 ? 'as long as it has no papers' : 'whose settings leave nothing of it'
  const others = [
    ...(outlook.filtered > 0 ? [`${counted(outlook.filtered, 'reader')} ${whyNothing}`] : []),
    ...(outlook.paused > 0 ? [`${grouped(outlook.paused)} paused`] : []),
    ...(outlook.suppressed > 0 ? [`${grouped(outlook.suppressed)} suppressed`] : []),
  ]
  const line = ({ place, emails: count }: Counted) =>
    `  ${counted(place.upvotes, 'vote').padStart(11)}  ${cleanText(place.paper.title)} (in ${counted(count, 'email')})`
  return [
    `${editionName(edition)}, by current votes: ${counted(ranked, 'paper')}${doubted}; votes count until ${momentInWords(cutoffAt)}`,
    ...(stopped === null ? [] : [`Nothing of it will go: ${stopped}.`]),
    `${counted(emails, 'email')}${others.length > 0 ? `; none for ${others.join(', ')}` : ''}.`,
    ...(outlook.merged > 0 ? [`${counted(outlook.merged, 'older digest')} still waiting will be merged into it.`] : []),
    ...hours.map(
      ({ at, emails: count, zones }) => `  ${momentInWords(at)}  ${counted(count, 'email')} (${zonesInWords(zones)})`,
    ),
    ...(leads.length > 0 ? ['Leading:', ...leads.slice(0, PAPERS_SHOWN).map(line)] : []),
    ...(lateRisers.length > 0 ? ['Still rising:', ...lateRisers.slice(0, PAPERS_SHOWN).map(line)] : []),
    ...sendingLines(sending),
  ]
}

function zonesInWords(zones: DigestOutlook['hours'][number]['zones']): string {
  const shown = zones.slice(0, ZONES_SHOWN).map(({ zone }) => zone)
  const more = zones.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${counted(more, 'more zone')}` : shown.join(', ')
}

function sendingLines({ provider, perMinute, endsAt, putOff, ramp }: Sending): string[] {
  if (endsAt === null) return rampLines(ramp)
  const pace = perMinute === null ? '' : ` at ${counted(perMinute, 'email')} a minute at most`
  return [
    provider === null
      ? 'Every provider is out now.'
      : `Through ${provider}${pace}, the last by ${momentInWords(endsAt)}.`,
    ...rampLines(ramp),
    ...(putOff > 0
      ? [
          `${ramp === null ? 'The quota does' : 'Quota and ramp do'} not last for ${counted(putOff, 'email')}: they wait for an hour of theirs on another day, fairly.`,
        ]
      : []),
  ]
}
