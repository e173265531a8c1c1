// Makes the notices of days without a digest. Who earns one was decided with their plan; a note is
// made once or not at all.
import type { Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import { explainEdition } from '../delivery/account/explaining.ts'
import { insertNotices } from '../delivery/notice/asking.ts'
import { dayNote, filtersNote, type Reason } from '../delivery/notice/note-words.ts'
import { claimNotes, type EarnedNote } from '../delivery/planning/notes.ts'
import { getEdition } from '../edition/store.ts'
import { findSubscriberById } from '../subscriber/store.ts'
import type { Round } from './round.ts'

type NotesRound = Pick<Round, 'db' | 'linkKeys' | 'cutoffMinutes' | 'topics'>

/** Notes of one transaction: each asks for its own reason. */
const NOTES_A_ROUND = 500
/** A reader hears of their filters after so many weeks of silence. */
const SILENT_WEEKS = 2

/**
 * Makes the notices of all notes that have none yet. Returns their ids, in order; safe to repeat
 * and to run twice at once.
 */
export async function makeNotes(round: NotesRound): Promise<number[]> {
  const ids: number[] = []
  for (;;) {
    const made = await round.db.transaction().execute(async (trx) => {
      const notes = await claimNotes(trx, NOTES_A_ROUND)
      const list = []
      for (const note of notes) {
        const reason = await findReason(round, trx, note)
        const words = note.kind === 'day' ? dayNote(note.localDate, reason) : filtersNote(reason, SILENT_WEEKS)
        list.push({ kind: 'note' as const, ...words, subscriberId: note.subscriberId, address: note.address })
      }
      return insertNotices(trx, round.linkKeys, list)
    })
    if (made.length === 0) return ids
    ids.push(...made)
  }
}

/**
 * The one reason, in the words of explain, and of which edition. Where that did reach the reader,
 * or is on its way, it is not the reason: null, like where none was made.
 */
async function findReason(round: NotesRound, trx: Transaction<Database>, note: EarnedNote): Promise<Reason | null> {
  const subscriber = await findSubscriberById(trx, note.subscriberId)
  if (note.editionId === null || !subscriber) return null
  const { date, kind } = await getEdition(trx, note.editionId)
  const { topics } = round
  const { outcome } = await explainEdition(trx, subscriber, { date, kind, cutoffMinutes: round.cutoffMinutes, topics })
  return outcome.kind === 'silence' ? { date, kind, sentence: outcome.sentence } : null
}
