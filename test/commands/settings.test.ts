import { describe, expect, it } from 'vitest'
import { judgeSettings } from '../../src/commands/settings.ts'
import { listSet, readConfig, SETTING_NAMES } from '../../src/config.ts'

const SOUND = {
  LINK_SECRET: '8f1c3b7e92d40a56f1e2c3d4b5a69788',
  MAIL_PROVIDER: 'resend',
  RESEND_API_KEY: 're_key',
  MAIL_FROM: 'Papers <papers@papers.example>',
  PUBLIC_URL: 'https://papers.example',
}

const judge = (env: NodeJS.ProcessEnv) =>
  judgeSettings(readConfig('mail', {}, env), listSet(env), SETTING_NAMES).map(({ state, says, remedy }) =>
    [state, says, remedy].filter(Boolean).join(' | '),
  )

describe('judgeSettings', () => {
  it('has nothing to say of sound settings, nor of what is not ours', () => {
    const others = { HOME: '/', POST: '1', REDIS: '1', DATABASE: '1', npm_config_x: '1', LINK_SECRET_FILE: '' }
    expect(judge({ ...SOUND, ...others, DNS_SERVER: '192.0.2.53' })).toEqual(['ok | every setting is known and sound'])
  })

  it.each([
    ['MAIL_PROVDER', 'MAIL_PROVIDER'],
    ['RESEND_APIKEY', 'RESEND_API_KEY'],
    ['LINK_SECRTE', 'LINK_SECRET'],
    ['PUBIC_URL', 'PUBLIC_URL'],
    ['SEND_QOUTA', 'SEND_QUOTA'],
  ])('knows what %s should have been', (wrong, right) => {
    expect(judge({ ...SOUND, [wrong]: 'x' })).toEqual([`warning | ${wrong} is no setting | write ${right}`])
  })

  it('tells a name that is near to none', () => {
    expect(judge({ ...SOUND, MAIL_COLOUR_SCHEME: 'x' })).toEqual([
      'warning | MAIL_COLOUR_SCHEME is no setting | take it out, or look its name up in .env.example',
    ])
  })

  it('tells links that lead nowhere, or in the clear, where emails reach people', () => {
    expect(judge({ ...SOUND, PUBLIC_URL: 'http://localhost:3000' })).toEqual([
      expect.stringMatching(/^error \| links in emails by resend lead to http:\/\/localhost:3000 \| set PUBLIC_URL/),
    ])
    expect(judge({ ...SOUND, PUBLIC_URL: 'http://papers.example' })).toEqual([expect.stringMatching(/without TLS/)])
    const here = { ...SOUND, RESEND_BASE_URL: 'http://127.0.0.1:4000', PUBLIC_URL: 'http://localhost:3000' }
    expect(judge(here)).toEqual(['ok | every setting is known and sound'])
  })

  it.each([
    'a'.repeat(40),
    'change-me-change-me-change-me-change-me',
    'my very own secret for this newsletter',
    '01010101010101010101010101010101',
  ])('tells a secret that is easy to guess: %s', (secret) => {
    expect(judge({ ...SOUND, LINK_SECRET: `${SOUND.LINK_SECRET},${secret}` })).toEqual([
      expect.stringMatching(
        /^warning \| LINK_SECRET, number 2 of its ring, is easy to guess, .* \| put a new one in front of it, separated/,
      ),
    ])
  })

  it('tells a client that would print what it sends', () => {
    expect(judge({ ...SOUND, RESEND_DEBUG: '1' })).toEqual([expect.stringMatching(/^warning \| RESEND_DEBUG is set/)])
  })
})
