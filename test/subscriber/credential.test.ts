import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { CredentialPurpose } from '../../src/database/states.ts'
import { claimCredential, ensureCredential, findCredential, pruneCredentials } from '../../src/subscriber/credential.ts'
import { findHolder } from '../../src/subscriber/holder.ts'
import { markUnsubscribed } from '../../src/subscriber/store.ts'
import { issueToken, type TokenPurpose } from '../../src/subscriber/token.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})
const PURPOSES: CredentialPurpose[] = ['confirm', 'address', 'export', 'erase', 'undo']
const make = (purpose: CredentialPurpose, id: number, payload: object | null = null) =>
  round.db.transaction().execute((trx) => ensureCredential(trx, purpose, id, payload))
const claim = (purpose: CredentialPurpose, token: string) =>
  round.db.transaction().execute((trx) => claimCredential(trx, purpose, token))

describe('one-time links', () => {
  it('are looked at as often as you like and used once, by one of many at the same time', async () => {
    const { id } = await addReader(round.db, 'ada')
    for (const purpose of PURPOSES) {
      const token = await make(purpose, id, { purpose })
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
      for (let times = 0; times < 3; times++) {
        expect(await findCredential(round.db, purpose, token)).toMatchObject({ subscriberId: id, payload: { purpose } })
      }
      const used = await Promise.all([1, 2, 3].map(() => claim(purpose, token)))
      expect(used.filter((each) => each !== undefined)).toHaveLength(1)
      expect(await findCredential(round.db, purpose, token)).toBeUndefined()
    }
    const { rows } = await sql<{ text: string }>`select c::text as text from credentials c`.execute(round.db)
    expect(rows).toHaveLength(5)
  })

  it('are not used up when what they were for fails', async () => {
    const { id } = await addReader(round.db, 'ada')
    const token = await make('erase', id)
    const failing = round.db.transaction().execute(async (trx) => {
      await claimCredential(trx, 'erase', token)
      throw new Error('the disk is full')
    })
    await expect(failing).rejects.toThrow('full')
    expect(await claim('erase', token)).toBeDefined()
  })

  it('work for 48 hours, an undo for seven days, and go with the sweep', async () => {
    const { id } = await addReader(round.db, 'ada')
    for (const purpose of PURPOSES) {
      const token = await make(purpose, id)
      const link = await findCredential(round.db, purpose, token)
      const hours = ((link?.expiresAt.getTime() ?? 0) - (link?.issuedAt.getTime() ?? 0)) / 3_600_000
      expect(hours).toBeCloseTo(purpose === 'undo' ? 168 : 48, 3)
      await sql`update credentials set expires_at = clock_timestamp()`.execute(round.db)
      expect(await findCredential(round.db, purpose, token)).toBeUndefined()
      expect(await claim(purpose, token)).toBeUndefined()
    }
    expect(await pruneCredentials(round.db)).toBe(5)
  })

  it('give way to a newer one of their kind, but for undos', async () => {
    const { id } = await addReader(round.db, 'ada')
    for (const purpose of PURPOSES) {
      const [older, newer] = [await make(purpose, id), await make(purpose, id)]
      expect((await findCredential(round.db, purpose, older)) !== undefined).toBe(purpose === 'undo')
      expect(await findCredential(round.db, purpose, newer)).toBeDefined()
    }
  })

  it('accept none of another purpose, mutated, made up or malformed', async () => {
    const { id } = await addReader(round.db, 'ada')
    const tokens = new Map<CredentialPurpose, string>()
    for (const purpose of PURPOSES) tokens.set(purpose, await make(purpose, id))
    let accepted = 0
    const look = async (purpose: CredentialPurpose, token: string) => {
      if ((await findCredential(round.db, purpose, token)) || (await claim(purpose, token))) accepted++
    }
    for (const [purpose, token] of tokens) {
      for (const other of PURPOSES) if (other !== purpose) await look(other, token)
      const wrong = ['', token.slice(1), `${token}A`, `${token}=`, ` ${token}`, token.toLowerCase().replace('_', '-')]
      const flipped = `${token.slice(0, 9)}${token[9] === 'A' ? 'B' : 'A'}${token.slice(10)}`
      for (const odd of [...wrong.filter((each) => each !== token), flipped, randomBytes(32).toString('base64url')]) {
        await look(purpose, odd)
      }
    }
    expect(accepted).toBe(0)
  })
})

describe('findHolder', () => {
  const hours = (count: number) => new Date(Date.now() - count * 3_600_000)
  const find = (purpose: Exclude<TokenPurpose, 'view'>, token: string) =>
    findHolder(round.db, round.linkKeys, purpose, token)

  it.each<[Exclude<TokenPurpose, 'view'>, number]>([
    ['preferences', 90 * 24],
    ['session', 1],
  ])('takes a token of %s for %i hours', async (purpose, life) => {
    const reader = await addReader(round.db, 'ada')
    const token = (age: number) => issueToken(round.linkKeys, purpose, reader, hours(age))
    expect((await find(purpose, token(0)))?.id).toBe(reader.id)
    expect((await find(purpose, token(life - 0.02)))?.id).toBe(reader.id)
    expect(await find(purpose, token(life))).toBeUndefined()
  })

  it('takes a link to leave at any age and in any epoch, the others only in the epoch of now', async () => {
    const reader = await addReader(round.db, 'ada')
    const tokens = (['unsubscribe', 'preferences', 'feed', 'session'] as const).map((purpose) => ({
      purpose,
      token: issueToken(round.linkKeys, purpose, reader, hours(0)),
    }))
    const old = issueToken(round.linkKeys, 'unsubscribe', reader, hours(24 * 365 * 5))
    for (const { purpose, token } of tokens) expect((await find(purpose, token))?.id).toBe(reader.id)
    await markUnsubscribed(round.db, reader.publicId)
    for (const { purpose, token } of tokens) expect((await find(purpose, token))?.id).toBe(reader.id)
    await sql`update subscribers set token_epoch = token_epoch + 1`.execute(round.db)
    for (const { purpose, token } of tokens) {
      expect((await find(purpose, token)) !== undefined).toBe(purpose === 'unsubscribe')
    }
    expect((await find('unsubscribe', old))?.id).toBe(reader.id)
    await sql`delete from subscribers`.execute(round.db)
    expect(await find('unsubscribe', old)).toBeUndefined()
  })
})
