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
  it.each(['\n', '\r\n', '\r'])(
    'reads records with the lines on which they begin, quotes and marks in them (line end %j)',
    async (end) => {
      const content = `\ufeffemail,name${end}a@b.org,"Ä, ""B""${end}C"${end}${end}c@d.org,日本`
      expect(await read(content)).toEqual([
        { line: 1, cells: ['email', 'name'] },
        { line: 2, cells: ['a@b.org', 'Ä, "B"\nC'] },
        { line: 5, cells: ['c@d.org', '日本'] },
      ])
    },
  )

  it('takes a return alone for a line end only where the first line ends with one', async () => {
    const cells = async (content: string) =>
      (await read(content)).map((row) => ('cells' in row ? row.cells : row.problem))
    expect(await cells('email\ra@b.org\r')).toEqual([['email'], ['a@b.org']])
    expect(await cells('email,name\na@b.org,A\rB\n')).toEqual([
      ['email', 'name'],
      ['a@b.org', 'A\rB'],
    ])
    expect(await cells('email\r')).toEqual([['email']])
    expect(await cells('')).toEqual([])
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

  it.each([6, 6_000])('refuses one line alone for a quote that stays open before %i others', async (readers) => {
    const others = Array.from({ length: readers }, (_, at) => `reader${at}@b.org,"Reader ${at}"`)
    const rows = await read(['email,name', 'ada@b.org,"Ada', ...others].join('\n'), 10_000)
    expect(rows[1]).toEqual({ line: 2, problem: expect.stringContaining('a quote is open'), lines: 1 })
    expect(rows.slice(2).map((row) => ('cells' in row ? row.cells[0] : row.problem))).toEqual(
      others.map((line) => line.replace(/,.*/, '')),
    )
  })

  it('takes what stands behind an open quote for a reader only where it is a whole row', async () => {
    const rows = await read('email,name,note\na@b.org,"Ada","met\nc@d.org\ne@f.org,Eve,\n')
    expect(rows.slice(1)).toEqual([
      { line: 2, problem: expect.stringContaining('a quote is open'), lines: 1 },
      { line: 3, problem: 'the quote of line 2 may be open until here: mend that line', lines: 1 },
      { line: 4, cells: ['e@f.org', 'Eve', ''] },
    ])
  })

  it('counts the readers that stand inside the quotes of another', async () => {
    const rows = await read('email,name\na@b.org,"Ada\nc@d.org,Cyd\ne@f.org,Eve"\ng@h.org,Gil\n')
    expect(rows.slice(1)).toEqual([
      { line: 2, problem: expect.stringContaining('closes on line 4, and what stands between'), lines: 3 },
      { line: 5, cells: ['g@h.org', 'Gil'] },
    ])
  })

  it('holds no more than a record of a quote that stays open for long', async () => {
    const rows = await read(`email\n"${'ä'.repeat(300_000)}\na@b.org`, 10_000)
    expect(rows).toEqual([
      { line: 1, cells: ['email'] },
      { line: 2, problem: expect.any(String), lines: 1 },
      { line: 3, cells: ['a@b.org'] },
    ])
  })

  it.each([
    ['Latin-1', Buffer.concat([Buffer.from('email\na@b.org\n'), Buffer.from('J\xfcrgen', 'latin1')]), 3],
    ['UTF-16', Buffer.from('\ufeffemail\na@b.org\n', 'utf16le'), 1],
  ])('refuses %s with the line', async (_, bytes, line) => {
    await expect(read(bytes)).rejects.toThrow(new RegExp(`^line ${line} is not UTF-8`))
  })
})
