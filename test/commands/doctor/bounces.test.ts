import { describe, expect, it } from 'vitest'
import { judgeBounceDomain, judgeMailbox } from '../../../src/commands/doctor/bounces.ts'

const FROM = 'Papers <papers@papers.example>'
const judge = async (servers: string[], domain = 'papers.example', from = FROM) =>
  (await judgeBounceDomain(async () => servers, { domain }, from)).map(({ state, says }) => `${state} ${says}`)

describe('judgeBounceDomain', () => {
  it('is content with a mail server', async () => {
    expect(await judge(['mx1.papers.example', 'mx2.papers.example'])).toEqual([
      'ok bounces to papers.example: mx1.papers.example, mx2.papers.example takes them',
    ])
  })

  it('tells that nobody takes them', async () => {
    expect(await judge([])).toEqual([
      'error bounces to papers.example: no mail server takes them (there is no MX record)',
    ])
    expect(await judge([''])).toEqual(['error bounces to papers.example: the domain says that it takes no mail'])
  })

  it.each([
    ['bounces.papers.example', 1],
    ['example', 1],
    ['mail.papers.example', 1],
    ['papers.other', 2],
    ['notpapers.example', 2],
  ])('tells whether SPF of %s helps the sender', async (domain, findings) => {
    const found = await judge(['mx.example'], domain)
    expect(found).toHaveLength(findings)
    if (findings === 2) expect(found[1]).toMatch(/^warning SPF speaks for .*DMARC then holds by DKIM alone$/)
  })

  it('takes two names under one domain for one organisation', async () => {
    expect(await judge(['mx.example'], 'bounces.papers.example', 'Papers <papers@mail.papers.example>')).toHaveLength(1)
  })
})

describe('judgeMailbox', () => {
  it('says where nobody answers, without the password', async () => {
    const settings = {
      ...{ host: '127.0.0.1', port: 1, secure: true, login: { user: 'bounces', password: 'a secret' } },
      ...{ inbox: 'INBOX', applied: 'Applied', others: 'Others' },
    }
    const [finding] = await judgeMailbox(settings)
    expect(finding?.state).toBe('error')
    expect(finding?.says).toMatch(/^the mailbox at 127\.0\.0\.1:1 cannot be read: /)
    expect(JSON.stringify(finding)).not.toContain('a secret')
  })
})
