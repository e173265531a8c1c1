// A choice becomes one reader's digest: edition and reader first, which need no templates, then the
// mail.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Section } from '../../database/states.ts'
import type { Host } from '../../digest/rendering.ts'
import { counted } from '../../digest/text/words.ts'
import type { Outlook } from '../../edition/outlook.ts'
import type { EditionDate } from '../../source/paper.ts'
import { SAMPLE_DATES } from '../../source/sample.ts'
import { parseChoices } from '../../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import type { PreviewChoice } from './choice.ts'
import type { PreviewEditions } from './editions.ts'
import { DEFAULT_READER, makePreview, type PreviewMail, type PreviewReader } from './mail.ts'
import type { TemplateFolder } from './templates.ts'

export interface PreviewParts {
  /** Undefined where no stores are at hand: then there are no subscribers to choose. */
  db: Kysely<Database> | undefined
  editions: PreviewEditions
  templates: TemplateFolder
  host: Host
}

/** An edition for a reader. */
export interface PreviewDigest {
  choice: PreviewChoice & { date: EditionDate }
  outlook: Outlook
  origin: string
  reader: PreviewReader
}

/**
 * Finds the edition and the reader of a choice. Throws a sentence for people when there is none of
 * either.
 */
export async function getDigest(
  { db, editions }: Pick<PreviewParts, 'db' | 'editions'>,
  given: PreviewChoice,
): Promise<PreviewDigest> {
  const date = given.date ?? (await editions.listDates(given.kind)).at(-1) ?? SAMPLE_DATES[1]
  const subscriber = given.subscriber === '' || !db ? undefined : await findSubscriberByAddress(db, given.subscriber)
  if (given.subscriber !== '' && !subscriber) throw new Error(`${given.subscriber} is not a subscriber`)
  const { outlook, origin } = await editions.getOutlook(date, given.kind)
  const choices = subscriber?.choices ?? parseChoices({})
  return {
    choice: { ...given, date },
    outlook,
    origin: [...countsOf(outlook), origin, ...(outlook.incomplete ? ['incomplete'] : [])].join(', '),
    reader: {
      address: subscriber?.address ?? DEFAULT_READER,
      choices: given.length ? { ...choices, length: given.length } : choices,
      missed: given.missed,
    },
  }
}

/**
 * Makes the mail with the templates of this moment; undefined when the choices leave no paper.
 * Throws whatever the templates are refused for.
 */
export async function findMail(
  { templates, host }: Pick<PreviewParts, 'templates' | 'host'>,
  { outlook, reader }: PreviewDigest,
): Promise<PreviewMail | undefined> {
  return makePreview(outlook, reader, host, await templates.load())
}

function countsOf({ places }: Outlook): string[] {
  const count = (section: Section) => places.filter((place) => place.section === section).length
  const [ranked, rising, late] = [count('ranked'), count('rising'), count('late')]
  return [
    counted(ranked, 'paper'),
    ...(rising > 0 ? [counted(rising, 'late riser')] : []),
    ...(late > 0 ? [`${late} of earlier editions`] : []),
  ]
}

/** Says why there is no mail. */
export function sayNothing({ outlook, reader }: PreviewDigest): string {
  const { date, kind, places, reason } = outlook
  const name = kind === 'weekly' ? `The week to ${date}` : `The edition of ${date}`
  if (places.length === 0) return `${name} holds no papers${reason ? `: ${reason}` : ''}.`
  return `${name} has nothing for ${reader.address}: none of its ${places.length} papers meets these choices.`
}
