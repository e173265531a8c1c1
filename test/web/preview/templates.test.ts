import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/errors.ts'
import { openTemplateFolder, type TemplateFolder } from '../../../src/web/preview/templates.ts'

let directory: string
let folder: TemplateFolder

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paper-round-templates-'))
  await writeFile(join(directory, 'digest.txt'), 'one')
  folder = openTemplateFolder(directory)
})

afterEach(async () => {
  folder.close()
  await rm(directory, { recursive: true })
})

/** Resolves with the next revision that is told. */
const nextRevision = () =>
  new Promise<string>((resolve) => {
    const stop = folder.follow((revision) => {
      stop()
      resolve(revision)
    })
  })

describe('openTemplateFolder', () => {
  it('names the content: the same again for the same, whatever else lies there', async () => {
    const before = await folder.getRevision()
    for (const name of ['.digest.txt.swp', 'digest.txt~']) await writeFile(join(directory, name), 'half a word')
    await utimes(join(directory, 'digest.txt'), new Date(0), new Date(0))
    expect(await folder.getRevision()).toBe(before)
    await writeFile(join(directory, 'digest.txt'), 'two')
    expect(await folder.getRevision()).not.toBe(before)
    await writeFile(join(directory, 'digest.txt'), 'one')
    expect(await folder.getRevision()).toBe(before)
  })

  it('tells once of a file that changes, and of one that comes', async () => {
    const heard: string[] = []
    const stop = folder.follow((revision) => heard.push(revision))
    const changed = nextRevision()
    // In steps, as editors save.
    for (const text of ['t', 'tw', 'two']) await writeFile(join(directory, 'digest.txt'), text)
    expect(await changed).toBe(await folder.getRevision())
    const came = nextRevision()
    await writeFile(join(directory, 'theme.json'), '{}')
    expect(await came).toBe(await folder.getRevision())
    expect(new Set(heard).size).toBe(heard.length)
    stop()
  })

  it('refuses a directory that is not there', () => {
    expect(() => openTemplateFolder(join(directory, 'nowhere'))).toThrow(UsageError)
  })

  it("looks into the host's directory first, and into the project's own once where none is named", () => {
    expect(folder.directories).toEqual([directory, expect.stringMatching(/templates$/)])
    const own = openTemplateFolder()
    expect(own.directories).toHaveLength(1)
    own.close()
  })
})
