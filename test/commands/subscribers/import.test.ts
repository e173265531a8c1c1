import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { importList } from '../../../src/commands/subscribers/import.ts'
import { openTerminal } from '../../../src/commands/terminal.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { LIST_COLUMNS, listCells } from '../../../src/subscriber/list/file.ts'
import { listListed } from '../../../src/subscriber/list/importing.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, emptyRound, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

async function importText(text: string) {
  const refusals: { line: number; reason: string }[] = []
  async function* input() {
    yield Buffer.from(text)
  }
  const counts = await importList(round.db, input(), openTerminal({ json: true }), (refusal) => refusals.push(refusal))
  return { ...counts, refusals }
}

const quoted = (cells: readonly string[]) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')

/** Returns all subscribers as our own file. */
async function exported(): Promise<string> {
  return [LIST_COLUMNS, ...(await listListed(round.db, 0, 100)).map(listCells)].map(quoted).join('\n')
}

describe('importList', () => {
  it('adds who is new once, and says of every other line what became of it', async () => {
    const { read, added, known, suppressed, refused, refusals } = await importText(
      'email,name,status,attributes\nada@b.org,Ada,enabled,{}\nADA@b.org,Again,enabled,{}\nbob@b.org,Bob,blocklisted,{}\nno,No,enabled,{}\n',
    )
    expect({ read, added, known, suppressed, refused }).toEqual({
      read: 4,
      added: 2,
      known: 1,
      suppressed: 0,
      refused: 1,
    })
    expect(refusals).toEqual([{ line: 5, reason: 'not an address of the form name@host.tld' }])
    const [ada, bob] = await Promise.all(
      ['ada@b.org', 'bob@b.org'].map((each) => findSubscriberByAddress(round.db, each)),
    )
    expect([ada?.consent, ada?.nextDueAt]).toEqual(['confirmed', expect.any(Date)])
    expect([bob?.consent, bob?.nextDueAt]).toEqual(['unsubscribed', null])
  })

  it('brings nobody back: neither who left, nor who is erased', async () => {
    const left = await addReader(round.db, 'left')
    await markUnsubscribed(round.db, left.publicId)
    const erased = await addReader(round.db, 'erased')
    await round.db.transaction().execute((trx) => eraseSubscriber(trx, erased.id))
    const { added, known, suppressed } = await importText('email\nleft@example.org\nerased@example.org\n')
    expect({ added, known, suppressed }).toEqual({ added: 0, known: 1, suppressed: 1 })
    expect((await findSubscriberByAddress(round.db, 'left@example.org'))?.consent).toBe('unsubscribed')
    expect(await findSubscriberByAddress(round.db, 'erased@example.org')).toBeUndefined()
  })

  it('is the inverse of exporting, states, consent facts and topics included', async () => {
    await addReader(round.db, 'ada', {
      cadence: 'weekly',
      weekday: 5,
      hour: 18,
      choices: { include: ['=robots', 'a "b"'] },
    })
    const bob = await addReader(round.db, 'bob', { zone: 'Asia/Kolkata', choices: { authors: ["'=X"] } })
    await markUnsubscribed(round.db, bob.publicId)
    const cyd = await addReader(round.db, 'cyd')
    await sql`update subscribers set consent = 'pending', next_due_at = null, asked_at = '2026-03-05 07:00:00.123Z',
      consent_page = 'form/en/1', silence = 'note', paused_until = '2026-04-01' where id = ${cyd.id}`.execute(round.db)
    const before = await exported()
    await emptyRound(round.db)
    expect(await importText(before)).toMatchObject({ read: 3, added: 3, refused: 0 })
    expect(await exported()).toBe(before)
    expect(await importText(before)).toMatchObject({ read: 3, added: 0, known: 3 })
  })

  it('takes an empty file or one without addresses for wrong use', async () => {
    await expect(importText('')).rejects.toThrow('the file is empty')
    await expect(importText('name\nAda\n')).rejects.toThrow('no column')
  })
})
