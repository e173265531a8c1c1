import { describe, expect, it } from 'vitest'
import { hashAddress, mailboxOf, maskAddress, normalizeAddress } from '../../src/subscriber/subscriber.ts'

describe('normalizeAddress', () => {
  it.each([
    ['  Ada@Example.ORG ', 'ada@example.org'],
    ["o'brien+papers@mail.example.co.uk", "o'brien+papers@mail.example.co.uk"],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
  ])('keeps %j as %j', (given, kept) => expect(normalizeAddress(given)).toBe(kept))

  it.each([
    '',
    'ada',
    'ada@',
    '@example.org',
    'ada@localhost',
    'a b@example.org',
    'ada@@example.org',
    'ada@example..org',
    '.ada@example.org',
    'ada.@example.org',
    'a..b@example.org',
    'ada@-example.org',
    'ada@example.org\r\nBcc: x@example.org',
    '"ada"@example.org',
    'ada,grace@example.org',
    'ada<x>@example.org',
    `${'a'.repeat(65)}@example.org`,
    `a@${'b.'.repeat(130)}org`,
    'ädа@example.org',
  ])('refuses %j', (given) => expect(normalizeAddress(given)).toBeUndefined())
})

describe('addresses', () => {
  it('are hashed under a key', () => {
    const hash = hashAddress(Buffer.alloc(32, 1), 'ada@example.org')
    expect(hash).toHaveLength(32)
    expect(hashAddress(Buffer.alloc(32, 1), 'ada@example.org')).toEqual(hash)
    expect(hashAddress(Buffer.alloc(32, 2), 'ada@example.org')).not.toEqual(hash)
  })
  it('are shown masked', () => expect(maskAddress('ada@example.org')).toBe('a•••@example.org'))
})

describe('mailboxOf', () => {
  it.each([
    ['ada@example.org', 'ada@example.org'],
    ['ada+papers@example.org', 'ada@example.org'],
    ['ada+a+b@example.org', 'ada@example.org'],
    ['a.d.a+papers@gmail.com', 'ada@gmail.com'],
    ['a.da@googlemail.com', 'ada@gmail.com'],
    // Elsewhere a dot tells people apart.
    ['a.da@example.org', 'a.da@example.org'],
    ['+papers@example.org', '+papers@example.org'],
  ])('of %j is %j', (address, mailbox) => expect(mailboxOf(address)).toBe(mailbox))
})
