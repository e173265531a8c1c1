import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { importList, importSubscribersCommand } from '../../../src/commands/subscribers/import.ts'
import { listSubscribersCommand } from '../../../src/commands/subscribers/subscribers.ts'
import { openTerminal } from '../../../src/commands/terminal.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { LIST_COLUMNS, listCells } from '../../../src/subscriber/list/file.ts'
import { listListed } from '../../../src/subscriber/list/importing.ts'
import { findSubscriberByAddress, getAddressKey, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { ensureSuppression } from '../../../src/subscriber/suppression.ts'
import { callOn, readJson } from '../../support/command.ts'
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
  const counts = await importList(round.db, input(), openTerminal({ json: true }), {
    refuse: (refusal) => refusals.push(refusal),
  })
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
    await sql`update subscribers set consent = 'pending', asked_at = '2026-03-05 07:00:00.123Z',
      consent_page = 'form/en/1', silence = 'note', paused_until = '2026-04-01' where id = ${cyd.id}`.execute(round.db)
    const before = await exported()
    await emptyRound(round.db)
    expect(await importText(before)).toMatchObject({ read: 3, added: 3, refused: 0 })
    expect(await exported()).toBe(before)
    expect(await importText(before)).toMatchObject({ read: 3, added: 0, known: 3 })
  })

  it('keeps suppressed whom a list says so of, known or new, with reason and words', async () => {
    const ada = await addReader(round.db, 'ada')
    const key = await getAddressKey(round.db)
    const hash = hashAddress(key, ada.address as string)
    await ensureSuppression(round.db, hash, 'operator', new Date('2026-03-05T07:00:00Z'), 'asked by phone')
    const before = await exported()
    expect(before).toContain('"operator","asked by phone","2026-03-05T07:00:00.000Z"')
    const lines = before.split('\n').map((line) => line.replace('ada@', 'bob@'))
    await emptyRound(round.db)
    await addReader(round.db, 'bob')
    expect(await importText([...before.split('\n'), lines[1]].join('\n'))).toMatchObject({ added: 1, known: 1 })
    const rows = await round.db.selectFrom('suppressions').select(['reason', 'note', 'since']).execute()
    const kept = { reason: 'operator', note: 'asked by phone', since: new Date('2026-03-05T07:00:00Z') }
    expect(rows).toEqual([kept, kept])
    expect((await exported()).split('\n')[2]).toBe(before.split('\n')[1])
    const { stdout } = await callOn(round.databaseUrl, () => listSubscribersCommand({}))
    expect(stdout).toMatch(/ada@example.org .*, suppressed \(operator\), since \d{4}-\d\d-\d\d\n/)
  })

  it('fails where lines could not be read, and counts them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'paper-round-import-'))
    const file = join(folder, 'list.csv')
    await writeFile(file, 'email,name\na@b.org,"Ada\nb@b.org,Bob\n')
    const { stdout } = await callOn(round.databaseUrl, () => importSubscribersCommand(file, {}))
    expect(stdout).toMatch(/^Added 1 of 2: .* 1 refused\.\n1 line could not be read as the quotes stand: mend it/)
    expect(process.exitCode).toBe(1)
    process.exitCode = undefined
    await rm(folder, { recursive: true })
  })

  it('fails where every line was refused, and warns of what a file cannot tell', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'paper-round-import-'))
    const file = join(folder, 'list.csv')
    await writeFile(file, 'uuid,email,status\n1,a@b.org,unconfirmed\n2,nobody,enabled\n')
    const { stdout, stderr } = await callOn(round.databaseUrl, () => importSubscribersCommand(file, {}))
    expect(stdout).toContain('Added 0 of 2: 0 known already, 0 suppressed, 2 refused.')
    expect(stderr).toContain("line 1: listmonk's file does not tell who has left a list")
    expect(process.exitCode).toBe(1)
    process.exitCode = undefined
    await writeFile(file, 'email\na@b.org\nnobody\n')
    await callOn(round.databaseUrl, () => importSubscribersCommand(file, {}))
    expect(process.exitCode).toBeUndefined()
    await rm(folder, { recursive: true })
  })

  it('tells a file its end, its zones and a rhythm for the whole list', { tags: 'long' }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'paper-round-import-'))
    const file = join(folder, 'list.csv')
    await writeFile(file, 'email,timezone,status,Name\na@b.org,Mars,enabled,A\nb@b.org,,enabled,B\n')
    const options = { zone: 'Asia/Tokyo', hour: '18', cadence: 'weekly:fri', json: true }
    const result = await readJson(round.databaseUrl, () => importSubscribersCommand(file, options))
    expect(result).toMatchObject({
      added: 2,
      remarks: [
        { line: 1, reason: 'no use is made of Name' },
        { line: 2, reason: 'unknown time zone "Mars": Asia/Tokyo is used' },
      ],
    })
    expect(await findSubscriberByAddress(round.db, 'b@b.org')).toMatchObject({
      ...{ cadence: 'weekly', weekday: 5, hour: 18, zone: 'Asia/Tokyo' },
    })
    const { stderr } = await callOn(round.databaseUrl, () => importSubscribersCommand(file, {}))
    expect(stderr).toContain('Importing: 2 of 2\n')
    const wrong = { hour: '99', cadence: 'hourly', zone: 'Mars' }
    await expect(importSubscribersCommand(`${file}.gone`, wrong)).rejects.toMatchObject({
      problems: [/cannot be read/, /^--cadence hourly/, /^--hour 99/, /^--zone Mars is no known/].map((each) =>
        expect.stringMatching(each),
      ),
    })
    // Known here alone: the database tells.
    const odd = callOn(round.databaseUrl, () => importSubscribersCommand(file, { zone: 'CET' }))
    await expect(odd).rejects.toThrow('--zone CET is no known time zone')
    await rm(folder, { recursive: true })
  })

  it('takes an empty file or one without addresses for wrong use', async () => {
    await expect(importText('')).rejects.toThrow('the file is empty')
    await expect(importText('name\nAda\n')).rejects.toThrow('no column')
    await expect(importText('"email";"name"\n"a@b.org";"A"\n')).rejects.toThrow(/^semicolons separate/)
    await expect(importText('"email"\t"name"\n')).rejects.toThrow(/^tabs separate/)
    await expect(importText('"email,name\n')).rejects.toThrow('line 1 is no header: not a row of a table')
  })
})
