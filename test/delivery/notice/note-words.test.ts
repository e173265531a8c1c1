import { describe, expect, it } from 'vitest'
import { dayNote, filtersNote } from '../../../src/delivery/notice/note-words.ts'

const none = { date: '2026-03-08', kind: 'daily', sentence: 'No papers are listed on weekends.' } as const
const sunday = 'The edition of Sun 8 March: No papers are listed on weekends.'

describe('a note', () => {
  it('says of which edition it speaks, once', () => {
    const held = 'The week to Sun 8 March was held: too few papers.'
    expect(dayNote('2026-03-10', none).paragraphs[0]).toBe(sunday)
    expect(filtersNote(none, 2).paragraphs[0]).toBe(`For 2 weeks no paper has matched your settings. ${sunday}`)
    expect(dayNote('2026-03-09', { ...none, kind: 'weekly', sentence: held }).paragraphs[0]).toBe(held)
  })

  it('says that there was none', () => {
    expect(dayNote('2026-03-10', null).paragraphs[0]).toBe('No new edition has come out since your last digest.')
  })
})
