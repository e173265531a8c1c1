// A change that can be taken back: each one answers with a link of its own that restores what was
// before it, once.
import type { Kysely } from 'kysely'
import * as z from 'zod'
import type { Database } from '../database/schema.ts'
import { readStored } from '../database/stored.ts'
import { findMoveObstacle, type HearMove, markAddress, type Obstacle } from './address.ts'
import { type ChangeClock, type Changed, markChanged, type Preferences, type Wanted } from './change.ts'
import { claimCredentialFor, ensureCredential, findCredential, pruneCredentialsOf } from './credential.ts'
import { hashChoices, STORED_RHYTHM } from './preferences.ts'
import { findSubscriberById } from './store.ts'
import type { Subscriber } from './subscriber.ts'

/** What an undo restores. */
export type Undo = { kind: 'choices'; before: Preferences } | { kind: 'address'; before: string }

/** What an undo did. */
export type Undone =
  | ({ kind: 'choices'; subscriberId: number } & Changed)
  | { kind: 'address'; subscriberId: number; address: string }

/**
 * Changes what a confirmed reader chose and returns it before and after, with the token of its
 * undo: null where nothing changed. Undefined when nobody is confirmed under this id; throws an
 * UnknownZoneError.
 */
export async function change(
  { db, cutoffMinutes }: ChangeClock & { db: Kysely<Database> },
  subscriberId: number,
  wanted: Wanted,
): Promise<(Changed & { undo: string | null }) | undefined> {
  return db.transaction().execute(async (trx) => {
    const changed = await markChanged(trx, subscriberId, wanted, { cutoffMinutes })
    if (!changed) return undefined
    if (isSame(changed)) return { ...changed, undo: null }
    const undo: Undo = { kind: 'choices', before: changed.before }
    return { ...changed, undo: await ensureCredential(trx, 'undo', subscriberId, undo) }
  })
}

/** Looks at an undo link: what its page shows, whose it is, and what is in its way now. */
export async function findUndo(
  db: Kysely<Database>,
  token: string,
): Promise<{ wanted: Undo; reader: Subscriber; obstacle: Obstacle | undefined } | undefined> {
  const credential = await findCredential(db, 'undo', token)
  const wanted = readUndo(credential?.payload)
  const reader = credential && (await findSubscriberById(db, credential.subscriberId))
  if (!wanted || !reader) return undefined
  if (wanted.kind === 'address') {
    return { wanted, reader, obstacle: await findMoveObstacle(db, reader, wanted.before) }
  }
  return { wanted, reader, obstacle: reader.consent === 'confirmed' ? undefined : 'left' }
}

/**
 * Uses an undo link. Taking back a move makes every other link of the subscriber useless: whoever
 * moved it must not be able to move it again. Undefined for a link that is unknown, too old or
 * used, and where the way back is closed for now (the reader has left, or the old address belongs
 * to somebody else): then the link stays of use.
 */
export async function undo(
  { db, cutoffMinutes, hear }: ChangeClock & { db: Kysely<Database>; hear?: HearMove },
  token: string,
): Promise<Undone | undefined> {
  return claimCredentialFor(db, 'undo', token, async (trx, { subscriberId, payload }): Promise<Undone | undefined> => {
    const wanted = readUndo(payload)
    if (!wanted) return undefined
    if (wanted.kind === 'choices') {
      const changed = await markChanged(trx, subscriberId, wanted.before, { cutoffMinutes })
      return changed && { kind: 'choices', subscriberId, ...changed }
    }
    if ((await markAddress(trx, subscriberId, wanted.before, hear)) === undefined) return undefined
    await pruneCredentialsOf(trx, subscriberId)
    return { kind: 'address', subscriberId, address: wanted.before }
  })
}

const storedUndo = z.union([
  z.object({ kind: z.literal('address').default('address'), before: z.string() }),
  z.object({ kind: z.literal('choices').default('choices'), before: z.looseObject({}) }),
])
const storedPreferences = z.looseObject({ ...STORED_RHYTHM, pausedUntil: z.iso.date().nullable().catch(null) })

/** Undefined for what this program cannot take back: the link is as good as none. */
function readUndo(stored: unknown): Undo | undefined {
  const { data } = storedUndo.safeParse(stored)
  return data?.kind === 'choices' ? { kind: 'choices', before: readStored(storedPreferences, data.before) } : data
}

function isSame({ before, after }: Changed): boolean {
  const { choices: was, ...rhythm } = before
  const keys = Object.keys(rhythm) as (keyof typeof rhythm)[]
  return keys.every((key) => after[key] === before[key]) && hashChoices(after.choices).equals(hashChoices(was))
}
