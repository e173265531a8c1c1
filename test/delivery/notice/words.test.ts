import { describe, expect, it } from 'vitest'
import type { SaidContent } from '../../../src/delivery/notice/notice.ts'
import { wordsOf } from '../../../src/delivery/notice/words.ts'

const links = {
  own: 'https://papers.example/x/own',
  preferences: 'https://papers.example/preferences/p',
  unsubscribe: 'https://papers.example/unsubscribe/u',
}
const host = { name: 'Daily Papers', site: 'papers.example' }
const token = 'T0KEN'

const asked: SaidContent[] = [
  { kind: 'confirm', token },
  { kind: 'address', token },
  { kind: 'export', token },
  { kind: 'erase', token },
]

describe('wordsOf', () => {
  it.each(asked)('says of $kind who asked, what happens if nothing is done and how long the link works', (content) => {
    const { subject, notice } = wordsOf(content, links, host)
    const words = notice.paragraphs.join(' ')
    expect(subject).toContain('Daily Papers')
    expect(words).toContain('papers.example')
    expect(words).toMatch(/If it wasn't you, do nothing/)
    expect(words).toContain('48 hours')
    expect(notice.action?.url).toBe(links.own)
    expect(notice.links ?? []).toEqual([])
    expect(JSON.stringify({ subject, notice })).not.toContain(token)
  })

  it('offers the way back to who was moved, for seven days', () => {
    const { notice } = wordsOf({ kind: 'address-changed', token, newAddress: 'n•••@example.org' }, links, host)
    expect(notice.paragraphs.join(' ')).toMatch(/n•••@example\.org.*seven days/)
    expect(notice.action?.url).toBe(links.own)
  })

  it('leads who is subscribed already to their preferences, and a note to those and to leaving', () => {
    expect(wordsOf({ kind: 'subscribed-already' }, links, host).notice).toMatchObject({
      action: { url: links.preferences },
      links: [{ url: links.unsubscribe }],
    })
    const note = {
      kind: 'note',
      subject: 'Quiet day',
      title: 'No papers',
      paragraphs: ['Saturday.'],
      why: 'You asked.',
    } as const
    const said = wordsOf({ ...note, paragraphs: [...note.paragraphs] }, links, host)
    expect(said.subject).toBe('Quiet day')
    expect(said.notice.footer).toBe('You asked.')
    expect(said.notice.links?.map((link) => link.url)).toEqual([links.preferences, links.unsubscribe])
    expect(said.notice.action).toBeUndefined()
  })
})
