import { describe, expect, it } from 'vitest'
import { cutoffOf, dateOf, nextStepOf, shiftDate } from '../../src/edition/edition.ts'

const cutoffAt = cutoffOf('2026-03-05', 30)
const minutesOn = (minutes: number) => new Date(cutoffAt.getTime() + minutes * 60_000)
const look = (verdict: string, minutes: number, reason: string | null = null) => ({
  verdict,
  reason,
  collectedAt: minutesOn(minutes),
})

describe('dates', () => {
  it('cuts off minutes after the end of the date in UTC', () => {
    expect(cutoffAt.toISOString()).toBe('2026-03-06T00:30:00.000Z')
    expect(cutoffOf('2026-02-28', 0).toISOString()).toBe('2026-03-01T00:00:00.000Z')
  })
  it('shifts over months and leap days', () => {
    expect(shiftDate('2028-03-01', -1)).toBe('2028-02-29')
    expect(shiftDate('2025-12-31', 1)).toBe('2026-01-01')
    expect(dateOf(new Date('2026-03-05T23:59:59.999Z'))).toBe('2026-03-05')
  })
})

describe('nextStepOf', () => {
  it('waits until the cut-off, to the millisecond', () => {
    expect(nextStepOf(new Date(cutoffAt.getTime() - 1), cutoffAt, look('complete', -5), 20)).toEqual({ step: 'wait' })
    expect(nextStepOf(cutoffAt, cutoffAt, look('complete', -5), 20)).toEqual({ step: 'freeze', incomplete: false })
  })
  it('freezes by a look of the last hour before the cut-off, not by an older one', () => {
    expect(nextStepOf(minutesOn(1), cutoffAt, look('complete', -60), 20).step).toBe('freeze')
    expect(nextStepOf(minutesOn(1), cutoffAt, look('complete', -61), 20).step).toBe('hold')
  })
  it('holds with the reason of the guard, until the deadline freezes what there is as incomplete', () => {
    const held = look('held', 5, '2 papers on a working day')
    expect(nextStepOf(minutesOn(10), cutoffAt, held, 2)).toEqual({ step: 'hold', reason: '2 papers on a working day' })
    expect(nextStepOf(minutesOn(12 * 60 - 1), cutoffAt, held, 2).step).toBe('hold')
    expect(nextStepOf(minutesOn(12 * 60), cutoffAt, held, 2)).toEqual({ step: 'freeze', incomplete: true })
  })
  it('freezes a held date as complete as soon as its list is', () => {
    expect(nextStepOf(minutesOn(300), cutoffAt, look('complete', 299), 13)).toEqual({
      step: 'freeze',
      incomplete: false,
    })
  })
  it('is empty on a weekend, and by the source when nothing ever came', () => {
    expect(nextStepOf(minutesOn(1), cutoffAt, look('empty', 0, 'weekend'), 0)).toEqual({
      step: 'empty',
      reason: 'weekend',
    })
    const down = look('refused', 700, 'the source could not be read')
    expect(nextStepOf(minutesOn(12 * 60), cutoffAt, down, 0)).toEqual({ step: 'empty', reason: 'source' })
  })
  it('gives up no date that nobody looked at, however late it is', () => {
    expect(nextStepOf(minutesOn(1), cutoffAt, undefined, 0).step).toBe('hold')
    expect(nextStepOf(minutesOn(100 * 60), cutoffAt, undefined, 0).step).toBe('hold')
    expect(nextStepOf(minutesOn(100 * 60), cutoffAt, look('complete', -300), 9).step).toBe('hold')
  })
  it('does not call a weekend empty when papers were listed earlier', () => {
    expect(nextStepOf(minutesOn(1), cutoffAt, look('empty', 0, 'weekend'), 1).step).toBe('hold')
  })
})
