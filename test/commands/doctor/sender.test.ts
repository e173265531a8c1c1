import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { judgeSender, openDns } from '../../../src/commands/doctor/sender.ts'
import type { ProviderSettings } from '../../../src/delivery/providers.ts'
import { openDnsStandIn } from '../../support/dns-stand-in.ts'

const FROM = 'Papers <papers@mail.papers.example>'
const DOMAIN = 'mail.papers.example'
const quota = { day: null, month: null }
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const pem = (key: typeof privateKey) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const spki = (key: typeof publicKey) => key.export({ type: 'spki', format: 'der' })
const OURS = spki(publicKey).toString('base64')
const smtp: ProviderSettings = {
  name: 'smtp',
  quota,
  server: { host: 'mail.example', port: 587, secure: false, login: null, pool: 1 },
  dkim: { selector: 'papers', privateKey: pem(privateKey) },
}
const resend: ProviderSettings = { name: 'resend', quota, apiKey: 're_key', baseUrl: undefined }
const GOOD: Record<string, string[]> = {
  [DOMAIN]: ['v=spf1 ip4:192.0.2.1 -all', 'something else'],
  [`papers._domainkey.${DOMAIN}`]: [`v=DKIM1; k=rsa; p=${OURS}`],
  [`_dmarc.${DOMAIN}`]: ['v=DMARC1; p=reject'],
}

const judge = async (texts: Record<string, string[]>, provider: ProviderSettings = smtp, from = FROM) =>
  (await judgeSender(async (name) => texts[name] ?? [], from, provider)).map(({ state, says }) => `${state} ${says}`)

describe('judgeSender', () => {
  it('finds all of a domain that is well set up', async () => {
    expect(await judge(GOOD)).toEqual([
      `ok SPF of ${DOMAIN}: v=spf1 ip4:192.0.2.1 -all`,
      `ok DKIM at papers._domainkey.${DOMAIN}: the key is there`,
      `ok DMARC of ${DOMAIN}: v=DMARC1; p=reject`,
    ])
  })

  it.each([
    [[], /^warning .*there is no record/],
    [['v=spf10 -all'], /^warning .*there is no record/],
    [['v=spf1 -all', 'v=spf1 ~all'], /^error .*there are 2 records, and receivers then read none/],
    [['v=spf1 mx +all'], /^error .*lets everybody send/],
    [['v=spf1 mx all'], /^error .*lets everybody send/],
    [['v=spf1 mx ?all'], /^warning .*refuses nobody/],
    [[`v=spf1 ${'include:a.example '.repeat(11)}-all`], /^error .*asks the DNS 11 times/],
    [['v=spf1 redirect=_spf.example'], /^ok /],
    [['V=SPF1 a mx ~all'], /^ok /],
  ])('judges the SPF record %j', async (records, words) => {
    expect((await judge({ ...GOOD, [DOMAIN]: records }))[0]).toMatch(words)
  })

  it.each([
    [[], /^error .*there is no key/],
    [['v=DKIM1; p='], /^error .*was withdrawn/],
    [['v=DKIM1; k=rsa; p=AAAA'], /^error .*another key than ours/],
    [[`p=${OURS.slice(0, 60)} ${OURS.slice(60)}`], /^ok /],
  ])('judges the DKIM record %j', async (records, words) => {
    expect((await judge({ ...GOOD, [`papers._domainkey.${DOMAIN}`]: records }))[1]).toMatch(words)
  })

  it('knows an Ed25519 key as the DNS holds it', async () => {
    const dkim = { selector: 'papers', privateKey: pem(ed25519.privateKey) }
    const texts = [`v=DKIM1; k=ed25519; p=${spki(ed25519.publicKey).subarray(-32).toString('base64')}`]
    expect((await judge({ ...GOOD, [`papers._domainkey.${DOMAIN}`]: texts }, { ...smtp, dkim }))[1]).toMatch(/^ok /)
  })

  it('asks for no SPF of ours, and for the key of Resend, where Resend sends', async () => {
    const texts = { [`resend._domainkey.${DOMAIN}`]: ['p=AAAA'], '_dmarc.papers.example': ['v=DMARC1; p=none'] }
    expect(await judge(texts, resend)).toEqual([
      `ok DKIM at resend._domainkey.${DOMAIN}: the key is there`,
      `ok DMARC of ${DOMAIN}, by papers.example: v=DMARC1; p=none`,
    ])
    expect((await judge({}, resend)).map((line) => line.split(' ')[0])).toEqual(['error', 'warning'])
  })

  it('walks up for a policy, past two records at one name, and not through a long name', async () => {
    const two = { [`_dmarc.${DOMAIN}`]: ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] }
    const above = { '_dmarc.papers.example': ['v=DMARC1; p=none; sp=quarantine'] }
    expect((await judge({ ...GOOD, ...two, ...above }))[2]).toMatch(/^ok .*by papers.example/)
    const asked: string[] = []
    const long = 'a.b.c.d.e.f.g.h.i.papers.example'
    await judgeSender(
      async (name) => {
        asked.push(name)
        return []
      },
      `x@${long}`,
      resend,
    )
    expect(asked.filter((name) => name.startsWith('_dmarc'))).toEqual([
      `_dmarc.${long}`,
      ...['e.f.g.h.i', 'f.g.h.i', 'g.h.i', 'h.i', 'i'].map((start) => `_dmarc.${start}.papers.example`),
      '_dmarc.papers.example',
      '_dmarc.example',
    ])
  })

  it('tells a server that signs nothing here', async () => {
    expect((await judge(GOOD, { ...smtp, dkim: null }))[1]).toMatch(/^warning emails to the mail server are not signed/)
  })
})

describe('judgeSender with a domain for bounces', () => {
  it('asks for the SPF record of what stands in the envelope', async () => {
    const texts: Record<string, string[]> = { ...GOOD, 'bounces.papers.example': ['v=spf1 mx -all'] }
    const found = await judgeSender(async (name) => texts[name] ?? [], FROM, smtp, 'bounces.papers.example')
    expect(found.map(({ state, says }) => `${state} ${says}`)).toContain(
      'ok SPF of bounces.papers.example: v=spf1 mx -all',
    )
    expect(found.some(({ says }) => says.startsWith(`SPF of ${DOMAIN}`))).toBe(false)
  })
})

describe('openDns', () => {
  it('asks the server that is named: long texts in one piece, none where there is none', async () => {
    const server = await openDnsStandIn(
      { 'papers.example': ['x'.repeat(300), 'short'] },
      { mailServers: { 'papers.example': ['mx.papers.example'] } },
    )
    try {
      const { texts, mailServers } = openDns(server.address)
      expect((await texts('papers.example')).toSorted()).toEqual(['short', 'x'.repeat(300)])
      expect(await texts('nothing.example')).toEqual([])
      expect(await mailServers('papers.example')).toEqual(['mx.papers.example'])
      expect(await mailServers('nothing.example')).toEqual([])
    } finally {
      await server.close()
    }
  })

  it('says which name nobody answered for', async () => {
    const server = await openDnsStandIn({}, { refuses: true })
    try {
      await expect(openDns(server.address).texts('papers.example')).rejects.toThrow(
        'the DNS does not answer for papers.example',
      )
    } finally {
      await server.close()
    }
  })
})
