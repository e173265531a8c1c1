// Messages as they travel, held against the library's own writer, in whose place ours stands.
import { once } from 'node:events'
import fc from 'fast-check'
import DataStream from 'nodemailer/lib/smtp-connection/data-stream'
import { describe, expect, it } from 'vitest'
import { END_OF_DATA, writeMessage } from '../../../../src/delivery/provider/smtp/wire.ts'
import { openImages, openSlabs } from '../../../../src/digest/piece/image.ts'
import { runs } from '../../../support/full.ts'

const slabs = openSlabs()
const PARTS = ['\r', '\n', '\r\n', '.', '..', 'a', 'ü', '\r\n.', '\r\n.\r\n', 'a line of some length']
const text = fc.array(fc.constantFrom(...PARTS)).map((parts) => parts.join(''))
/** Of what stands around a value, no line end is cut in two. */
const literal = text.filter((each) => !each.startsWith('\n') && !each.endsWith('\r'))

describe('writeMessage', () => {
  it('writes what the library writes of the same message, in front of the same end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(literal, { minLength: 1, maxLength: 4 }), fc.boolean(), async (literals, isSigned) => {
        const image = openImages((each) => each).make([
          { literals: [...literals, ''], slots: literals.map(() => 'token') },
          { raw: '\r\n' },
        ])
        const first = isSigned ? 'DKIM-Signature: a;\r\n b=c\r\n' : ''
        const { bytes } = writeMessage({ image, values: { token: 'T0-ken_' } }, first, slabs)
        const message = `${first}${literals.map((each) => `${each}T0-ken_`).join('')}\r\n`
        expect(Buffer.concat([bytes, END_OF_DATA]).toString()).toBe(await writeByLibrary(message))
      }),
      { numRuns: runs(500) },
    )
  })

  it('fills a slab that was given back', () => {
    const own = openSlabs()
    const image = openImages((each) => each).make([{ raw: 'Subject: a\r\n\r\n.b\r\n' }])
    const { slab, bytes } = writeMessage({ image, values: {} }, '', own)
    expect(bytes.toString()).toBe('Subject: a\r\n\r\n..b')
    own.give(slab)
    expect(writeMessage({ image, values: {} }, '', own).slab).toBe(slab)
  })
})

async function writeByLibrary(message: string): Promise<string> {
  const stream = new DataStream()
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.end(message)
  await once(stream, 'end')
  return Buffer.concat(chunks).toString()
}
