import { describe, expect, it } from 'vitest'
import { accountsFrom, addsUp, isReserved, sumAccounts } from '../../src/delivery/delivery.ts'

describe('accounts', () => {
  const accounts = accountsFrom(21, [
    { state: 'submitted', reason: null, count: 10 },
    { state: 'withheld', reason: 'filtered', count: 2 },
    { state: 'withheld', reason: 'left', count: 1 },
    { state: 'rejected', reason: 'no such domain', count: 1 },
    { state: 'rejected', reason: 'bad header', count: 1 },
    { state: 'unknown', reason: null, count: 1 },
    { state: 'planned', reason: null, count: 2 },
    { state: 'attempting', reason: null, count: 2 },
    { state: 'deferred', reason: null, count: 1 },
  ])
  it('count every state once', () => {
    expect(accounts).toEqual({
      due: 21,
      submitted: 10,
      withheld: { filtered: 2, left: 1 },
      rejected: 2,
      unknown: 1,
      waiting: 5,
    })
    expect(addsUp(accounts)).toBe(true)
    expect(addsUp({ ...accounts, due: 20 })).toBe(false)
  })
  it('add up over editions', () => {
    expect(sumAccounts([accounts, accounts])).toMatchObject({
      due: 42,
      withheld: { filtered: 4, left: 2 },
      waiting: 10,
    })
    expect(addsUp(sumAccounts([accounts, accounts]))).toBe(true)
  })
  it('refuse a state they do not know instead of losing its count', () => {
    expect(() => accountsFrom(1, [{ state: 'halved', reason: null, count: 1 }])).toThrow(/no account: halved/)
  })
})

describe('isReserved', () => {
  it.each(['a@example.org', 'a@mail.example.com', 'a@b.test', 'a@x.invalid', 'a@a.example'])('knows %s', (address) =>
    expect(isReserved(address)).toBe(true),
  )
  it.each(['a@example.io', 'a@notexample.com', 'a@test.org', 'a@contest'])('lets %s pass', (address) =>
    expect(isReserved(address)).toBe(false),
  )
})
