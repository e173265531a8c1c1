// What a note says on a day without a digest: one reason, in plain words, and what can be done
// about it. Pure.
import { counted, longDate } from '../../digest/text/words.ts'

export interface NoteWords {
  subject: string
  title: string
  paragraphs: string[]
  /** Why it came at all. */
  why: string
}

/** Says why a day brings nothing. `sentence` is the one reason, as explain and status give it. */
export function dayNote(localDate: string, sentence: string): NoteWords {
  return {
    subject: `No papers for you on ${longDate(localDate)}`,
    title: 'Nothing for you today',
    paragraphs: [sentence, 'The next digest comes at your usual hour, as soon as there is something in it.'],
    why: 'You get this because you asked for a note on days without a digest.',
  }
}

/** Says, once, that a reader's choices have left nothing for `weeks` weeks. */
export function filtersNote(sentence: string, weeks: number): NoteWords {
  return {
    subject: `${counted(weeks, 'week')} without a paper: your settings may be too narrow`,
    title: 'Your settings let nothing through',
    paragraphs: [
      `For ${counted(weeks, 'week')} no paper has matched your settings. The latest edition: ${sentence}`,
      'Your preferences show what the last editions would have brought you with other settings: the link is below. If you like it as it is, do nothing: we will not ask again until you have had papers.',
    ],
    why: 'You get this once because you subscribed and nothing came.',
  }
}
