// What a note says on a day without a digest: one reason, in plain words, and what can be done
// about it. Pure.
import type { EditionKind } from '../../database/states.ts'
import { counted, editionName, longDate } from '../../digest/text/words.ts'
import type { EditionDate } from '../../source/paper.ts'

export interface NoteWords {
  subject: string
  title: string
  paragraphs: string[]
  /** Why it came at all. */
  why: string
}

/** Why an edition brought nothing, as explain and status give it. */
export interface Reason {
  date: EditionDate
  kind: EditionKind
  sentence: string
}

const NOTHING_NEW = 'No new edition has come out since your last digest.'

/** Says why a day brings nothing: of which edition what is the reason, null for none at all. */
export function dayNote(localDate: string, reason: Reason | null): NoteWords {
  return {
    subject: `No papers for you on ${longDate(localDate)}`,
    title: 'Nothing for you today',
    paragraphs: [sayReason(reason), 'The next digest comes at your usual hour, as soon as there is something in it.'],
    why: 'You get this because you asked for a note on days without a digest.',
  }
}

/** Says, once, that a reader's choices have left nothing for `weeks` weeks. */
export function filtersNote(reason: Reason | null, weeks: number): NoteWords {
  return {
    subject: `${counted(weeks, 'week')} without a paper: your settings may be too narrow`,
    title: 'Your settings let nothing through',
    paragraphs: [
      `For ${counted(weeks, 'week')} no paper has matched your settings. ${sayReason(reason)}`,
      'Your preferences show what the last editions would have brought you with other settings: the link is below. If you like it as it is, do nothing: we will not ask again until you have had papers.',
    ],
    why: 'You get this once because you subscribed and nothing came.',
  }
}

/** Nobody who reads it knows which edition would have been theirs that day. */
function sayReason(reason: Reason | null): string {
  if (reason === null) return NOTHING_NEW
  const { date, kind, sentence } = reason
  const name = editionName(date, kind)
  return sentence.startsWith(name) ? sentence : `${name}: ${sentence}`
}
