import { describe, expect, it } from 'vitest'
import {
  describeRefused,
  hashAddress,
  mailboxOf,
  maskAddress,
  normalizeAddress,
} from '../../src/subscriber/subscriber.ts'

describe('normalizeAddress', () => {
  it.each([
    ['  Ada@Example.ORG ', 'ada@example.org'],
    ["o'brien+papers@mail.example.co.uk", "o'brien+papers@mail.example.co.uk"],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
    ['Info@MÜNCHEN.example', 'info@xn--mnchen-3ya.example'],
    // The same letters, written with a mark of its own.
    ['info@mu\u0308nchen.example', 'info@xn--mnchen-3ya.example'],
    ['info@例え.テスト', 'info@xn--r8jz45g.xn--zckzah'],
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
    'ada@münchen',
    'ada@münchen.example:25',
    'ada@münchen.example/x',
    'ada@m%C3%BCnchen.example',
    'ada@mün%40chen.example',
    'ada@mün\u200bchen.example',
    'ada@mün chen.example',
    'ada@münchen.example\r\nBcc: x@example.org',
  ])('refuses %j', (given) => expect(normalizeAddress(given)).toBeUndefined())
})

describe('describeRefused', () => {
  it.each([
    ['jürgen@example.org', /letters beyond ASCII before the @/],
    ['"ada king"@example.org', /quotes before the @/],
    ['ada at home', /^not an address of the form name@host\.tld$/],
    ['ada@mün chen.example', /^not an address of the form/],
  ])('says of %j what it is', (given, words) => expect(describeRefused(given)).toMatch(words))
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
