import { describe, expect, it } from 'vitest'
import { readRows } from '../../../src/subscriber/list/reading.ts'

/** Reads bytes that come in pieces of `size`. */
async function read(content: string | Buffer, size = 3) {
  const bytes = Buffer.from(content)
  async function* pieces() {
    for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
  }
  const rows = []
  for await (const row of readRows(pieces())) rows.push(row)
  return rows
}

describe('readRows', () => {
  it.each(['\n', '\r\n'])('reads records with their lines, quotes and marks in them (line end %j)', async (end) => {
    const content = `\ufeffemail,name${end}a@b.org,"Ä, ""B""${end}C"${end}${end}c@d.org,日本`
    expect(await read(content)).toEqual([
      { line: 1, cells: ['email', 'name'] },
      { line: 3, cells: ['a@b.org', 'Ä, "B"\nC'] },
      { line: 5, cells: ['c@d.org', '日本'] },
    ])
  })

  it('tells the line that is no row, and goes on', async () => {
    const rows = await read('email\na@b.org\nx"y"z@b.org\nc@d.org\n')
    expect(rows.map((row) => ('problem' in row ? `${row.line}: ${row.problem}` : row.cells[0]))).toEqual([
      'email',
      'a@b.org',
      expect.stringMatching(/^3: not a row of a table/),
      'c@d.org',
    ])
  })

  it('loses no more than the rest to a quote that stays open', async () => {
    const rows = await read('email\na@b.org\n"open\nmore\n')
    expect(rows.slice(0, 2).map((row) => 'cells' in row && row.cells[0])).toEqual(['email', 'a@b.org'])
    expect(rows.slice(2)).toEqual([{ line: expect.any(Number), problem: expect.stringContaining('quote') }])
  })

  it('holds no more than a record of a quote that stays open for long', async () => {
    const rows = await read(`email\n"${'x'.repeat(300_000)}`, 10_000)
    expect(rows[0]).toEqual({ line: 1, cells: ['email'] })
    expect(rows.slice(1).every((row) => 'problem' in row)).toBe(true)
  })

  it.each([
    ['Latin-1', Buffer.concat([Buffer.from('email\na@b.org\n'), Buffer.from('J\xfcrgen', 'latin1')]), 3],
    ['UTF-16', Buffer.from('\ufeffemail\na@b.org\n', 'utf16le'), 1],
  ])('refuses %s with the line', async (_, bytes, line) => {
    await expect(read(bytes)).rejects.toThrow(new RegExp(`^line ${line} is not UTF-8`))
  })
})
