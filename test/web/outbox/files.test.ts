import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findMail, findParsed, listFolders, listMails, recipientOf } from '../../../src/web/outbox/files.ts'
import { runs } from '../../support/full.ts'

const FOLDER = '2026-03-05-daily'
const FILE = '01234567-89ab-cdef-0123-456789abcdef.eml'
const MAIL = 'To: ada@example.org\r\nSubject: One\r\n\r\nThe text.\r\n'

let directory: string
let parent: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'paper-round-outbox-'))
  directory = join(parent, 'outbox')
  await mkdir(join(directory, FOLDER), { recursive: true })
  await writeFile(join(directory, FOLDER, FILE), MAIL)
  await writeFile(join(parent, FILE), 'SECRET')
})

afterEach(() => rm(parent, { recursive: true }))

describe('listFolders', () => {
  it('puts the newest date first, daily before weekly, and what has no date last', async () => {
    const names = ['notices', '2026-03-04-daily', '2026-03-05-weekly', 'something else', '2026-03-06-daily']
    for (const name of names) {
      await mkdir(join(directory, name))
      if (name !== '2026-03-06-daily') await writeFile(join(directory, name, FILE), MAIL)
    }
    expect(await listFolders(directory)).toEqual(
      [FOLDER, '2026-03-05-weekly', '2026-03-04-daily', 'notices'].map((name) => ({ name, mails: 1 })),
    )
  })

  it('finds none in an outbox that is not there yet', async () => {
    expect(await listFolders(join(parent, 'later'))).toEqual([])
  })
})

describe('listMails', () => {
  it('leaves out what is no finished mail', async () => {
    await writeFile(join(directory, FOLDER, `.${FILE}.tmp`), MAIL)
    await writeFile(join(directory, FOLDER, 'notes.txt'), MAIL)
    const mails = await listMails(directory, FOLDER)
    expect(mails).toMatchObject([{ folder: FOLDER, file: FILE, size: MAIL.length }])
    expect(await listMails(directory, '..')).toEqual([])
    expect(await listMails(directory, '2026-03-07-daily')).toEqual([])
  })
})

describe('findMail', () => {
  it('returns the whole mail, or its head alone', async () => {
    expect((await findMail(directory, FOLDER, FILE))?.toString()).toBe(MAIL)
    expect((await findMail(directory, FOLDER, FILE, 'head'))?.toString()).toBe(MAIL.slice(0, -11))
    const head = await findParsed(directory, FOLDER, FILE, 'head')
    expect([head?.subject, head && recipientOf(head)]).toEqual(['One', 'ada@example.org'])
  })

  it('never leaves the directory, whatever it is asked for', async () => {
    const names = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        '../outbox',
        `../${FILE}`,
        `${FOLDER}/..`,
        '/etc/passwd',
        `x/../${FILE}`,
        `${FILE}\0`,
      ),
      fc.string(),
      fc
        .array(fc.constantFrom('.', '/', '\\', '%2e', '\0', FILE, FOLDER, 'a'), { maxLength: 6 })
        .map((parts) => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(names, names, async (folder, file) => {
        const found = [
          await findMail(directory, folder, file),
          await findMail(directory, folder, FILE),
          await findMail(directory, FOLDER, file),
        ]
        for (const bytes of found) expect(['SECRET', undefined, MAIL]).toContain(bytes?.toString())
        for (const bytes of found) expect(bytes?.toString()).not.toBe('SECRET')
      }),
      { numRuns: runs(500) },
    )
  })

  it('does not follow a link out of it', async () => {
    const linked = '11111111-89ab-cdef-0123-456789abcdef.eml'
    await symlink(join(parent, FILE), join(directory, FOLDER, linked))
    expect(await findMail(directory, FOLDER, linked)).toBeUndefined()
  })
})
