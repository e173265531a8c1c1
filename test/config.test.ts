import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Config, type Reach, readConfig, readEnvFile } from '../src/config.ts'
import { DEFAULT_LIMITS } from '../src/delivery/alarm/limits.ts'
import { UsageError } from '../src/errors.ts'
import { runs } from './support/full.ts'

const SECRET = 'x'.repeat(32)
const NO_QUOTA = { day: null, month: null }
const MAIL = { LINK_SECRET: SECRET }
const RESEND = {
  ...MAIL,
  MAIL_PROVIDER: 'resend',
  RESEND_API_KEY: 're_key',
  MAIL_FROM: 'Papers <papers@papers.example>',
  PUBLIC_URL: 'https://papers.example',
}

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

const read = (env: NodeJS.ProcessEnv, reach: Reach = 'stores'): Config => readConfig(reach, {}, env)

/** Returns the lines that an environment draws; fails when it draws none. */
function problemsOf(env: NodeJS.ProcessEnv, reach: Reach = 'stores', defaults: NodeJS.ProcessEnv = {}) {
  try {
    readConfig(reach, defaults, env)
  } catch (error) {
    if (error instanceof UsageError) return error.problems
    throw error
  }
  throw new Error('nothing was refused')
}

describe('readConfig', () => {
  it('reads where alarms go, and wants a secret for what it signs', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
    const given = { OPERATOR_EMAIL: 'host@papers.test', ALARM_URL: 'https://alarms.test/in', ALARM_SECRET: secret }
    expect(read({ ...given, HEARTBEAT_URL: 'https://alarms.test/beat' }).alarms).toEqual({
      operatorEmail: 'host@papers.test',
      alarmUrl: 'https://alarms.test/in',
      alarmSecrets: [secret],
      heartbeatUrl: 'https://alarms.test/beat',
      limits: DEFAULT_LIMITS,
    })
    expect(read({ ...given, ALARM_LIMITS: 'unknown=3' }).alarms.limits.unknown).toBe(3)
    expect(problemsOf({ ...given, ALARM_SECRET: '' })).toEqual([expect.stringMatching(/^ALARM_SECRET is missing/)])
    const wrong = { ALARM_LIMITS: 'slow=soon', REPORT_HOUR: '24' }
    expect(problemsOf({ OPERATOR_EMAIL: 'host', ALARM_SECRET: 'abc', HEARTBEAT_URL: 'ftp://x', ...wrong })).toEqual([
      'OPERATOR_EMAIL is not an address',
      expect.stringMatching(/^ALARM_SECRET is not a signing secret/),
      expect.stringMatching(/^HEARTBEAT_URL is not an address that begins with/),
      'ALARM_LIMITS has no duration such as 30m or 2h for slow',
      'REPORT_HOUR is not an hour of the day (UTC), 0 to 23',
    ])
  })

  it('has a default for everything that stores need', () => {
    expect(read({})).toEqual({
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: resolve('.data'),
      stateDir: resolve('.data-state'),
      schema: 'public',
      publicUrl: 'http://localhost:3000',
      port: 3000,
      host: undefined,
      linkSecrets: [],
      mailFrom: 'Daily Papers <papers@example.org>',
      providers: [{ name: 'outbox', directory: resolve('outbox'), quota: { day: null, month: null } }],
      webhookSecrets: [],
      metricsTokens: [],
      metricsPort: undefined,
      bounces: null,
      alarms: {
        operatorEmail: null,
        alarmUrl: null,
        alarmSecrets: [],
        heartbeatUrl: null,
        limits: DEFAULT_LIMITS,
      },
      reportHour: 8,
      sendRate: undefined,
      postalAddress: null,
      unsubscribeMailto: null,
      source: 'https://huggingface.co/api/daily_papers',
      cutoffMinutes: 30,
      latenessMs: 96 * 3_600_000,
      retentionMs: null,
      templatesDir: undefined,
      trustedProxy: { hops: 0 },
      logLevel: undefined,
    })
  })

  it.each<[NodeJS.ProcessEnv, Partial<Config>]>([
    [{ TRUSTED_PROXY: '2' }, { trustedProxy: { hops: 2 } }],
    [
      { TRUSTED_PROXY: '10.0.0.0/8, fd00::/8,192.0.2.7' },
      { trustedProxy: { addresses: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'] } },
    ],
    [{ TRUSTED_PROXY: '1' }, { host: undefined }],
    [{ TRUSTED_PROXY: '127.0.0.1' }, { host: '127.0.0.1' }],
    [{ TRUSTED_PROXY: '127.0.0.0/8,::1' }, { host: '127.0.0.1' }],
    [{ TRUSTED_PROXY: '::1' }, { host: '::1' }],
    [{ TRUSTED_PROXY: '127.0.0.1,10.0.0.7' }, { host: undefined }],
    [{ TRUSTED_PROXY: '127.0.0.0/7' }, { host: undefined }],
    [{ TRUSTED_PROXY: '127.0.0.1', HOST: '0.0.0.0' }, { host: '0.0.0.0' }],
    [{ HOST: '::' }, { host: '::' }],
    [{ HOST: 'localhost' }, { host: 'localhost' }],
    [{ DATABASE_URL: 'postgres://me@host/db' }, { databaseUrl: 'postgres://me@host/db' }],
    [
      { DATABASE_URL: 'postgresql://host/db', REDIS_URL: 'rediss://host:6380/1' },
      { databaseUrl: 'postgresql://host/db', redisUrl: 'rediss://host:6380/1' },
    ],
    [{ DATA_DIR: '/var/lib/papers' }, { dataDir: '/var/lib/papers', stateDir: '/var/lib/papers-state' }],
    [{ DATA_DIR: '/var/lib/papers/' }, { stateDir: '/var/lib/papers-state' }],
    [{ STATE_DIR: 'beside' }, { stateDir: resolve('beside') }],
    [{ PUBLIC_URL: 'https://papers.example' }, { publicUrl: 'https://papers.example' }],
    [{ PORT: '0' }, { port: 0 }],
    [{ PORT: '8080' }, { port: 8080, publicUrl: 'http://localhost:8080' }],
    [{ MAIL_FROM: 'papers@papers.example' }, { mailFrom: 'papers@papers.example' }],
    [{ MAIL_FROM: 'The Papers <p@papers.example>' }, { mailFrom: 'The Papers <p@papers.example>' }],
    [
      { MAIL_PROVIDER: 'outbox', OUTBOX_DIR: '/var/mails' },
      { providers: [{ name: 'outbox', directory: '/var/mails', quota: NO_QUOTA }] },
    ],
    [{ SEND_RATE: '0.5' }, { sendRate: 0.5 }],
    [{ POSTAL_ADDRESS: '1 Paper Road' }, { postalAddress: '1 Paper Road' }],
    [{ UNSUBSCRIBE_MAILTO: 'off@papers.example' }, { unsubscribeMailto: 'off@papers.example' }],
    [{ SOURCE: 'file:some/where' }, { source: 'file:some/where' }],
    [{ SOURCE: 'file:some/#1?' }, { source: 'file:some/#1?' }],
    [{ SOURCE: 'http://127.0.0.1:9/api' }, { source: 'http://127.0.0.1:9/api' }],
    [{ CUTOFF: '00:00' }, { cutoffMinutes: 0 }],
    [{ CUTOFF: '23:59' }, { cutoffMinutes: 23 * 60 + 59 }],
    [{ LATENESS: '90m' }, { latenessMs: 90 * 60_000 }],
    [{ LATENESS: '4d' }, { latenessMs: 4 * 86_400_000 }],
    [{ RETENTION: '60d' }, { retentionMs: 60 * 86_400_000 }],
    [{ TEMPLATES_DIR: 'my/templates' }, { templatesDir: 'my/templates' }],
    [{ LOG_LEVEL: 'debug' }, { logLevel: 'debug' }],
  ])('reads %j', (env, wanted) => expect(read(env)).toMatchObject(wanted))

  it.each<[string, string, RegExp]>([
    ['DATABASE_URL', 'mysql://host/db', /begins with postgres:\/\/ or postgresql:\/\//],
    ['DATABASE_URL', 'host/db', /not an address/],
    ['STATE_DIR', '.data', /inside DATA_DIR/],
    ['STATE_DIR', '.data/state', /inside DATA_DIR/],
    ['PUBLIC_URL', 'papers.example', /begins with http:\/\/ or https:\/\//],
    ['PUBLIC_URL', 'javascript:alert(1)', /not an address/],
    ['PUBLIC_URL', 'https://papers.example/?a=b', /has a query/],
    ['PUBLIC_URL', 'https://papers.example/round?', /has a query/],
    ['PUBLIC_URL', 'https://papers.example/#a?b', /has a fragment/],
    ['PUBLIC_URL', 'https://me@papers.example', /has a user/],
    ['PUBLIC_URL', 'https://:word@papers.example', /has a password/],
    ['PORT', '70000', /not a port/],
    ['PORT', '-1', /not a port/],
    ['PORT', '80.5', /not a port/],
    ['PORT', 'http', /not a port/],
    ['HOST', 'http://127.0.0.1', /not an address or name/],
    ['HOST', '127.0.0.1:3000', /not an address or name/],
    ['MAIL_FROM', 'papers', /"Name <address>"/],
    ['MAIL_FROM', 'A\r\nBcc: b@papers.example <a@papers.example>', /"Name <address>"/],
    ['MAIL_PROVIDER', 'pigeon', /outbox, resend, smtp/],
    ['RESEND_BASE_URL', 'ftp://host', /not an address/],
    ['RESEND_BASE_URL', 'https://host/?key=a', /has a query/],
    ['UNSUBSCRIBE_MAILTO', 'a@b.example,c@d.example', /not an address/],
    ['SOURCE', 'file:', /file:DIRECTORY/],
    ['SOURCE', '/some/where', /file:DIRECTORY/],
    ['SOURCE', 'https://papers.example/api?key=a', /has a query/],
    ['SOURCE', 'https://papers.example/api#a', /has a fragment/],
    ['SEND_RATE', '0', /above 0/],
    ['SEND_RATE', '10001', /at most 10000/],
    ['SEND_RATE', 'Infinity', /requests a second/],
    ['SEND_RATE', 'fast', /requests a second/],
    ['CUTOFF', '24:00', /HH:MM/],
    ['CUTOFF', '7:00', /HH:MM/],
    ['LATENESS', '96', /96h/],
    ['RETENTION', '59d', /must be 60d or more/],
    ['RETENTION', '90', /180d/],
    ['LATENESS', '0h', /96h/],
    ['TRUSTED_PROXY', '10', /number of proxies/],
    ['TRUSTED_PROXY', 'proxy.example', /number of proxies/],
    ['TRUSTED_PROXY', '10.0.0.0/33', /number of proxies/],
    ['LOG_LEVEL', 'loud', /not a level/],
  ])('refuses %s=%j', (name, value, words) => {
    const problems = problemsOf({ [name]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${name} `))
    expect(problems[0]).toMatch(words)
  })

  it('takes a blank value for one that is not set', () => {
    const blank = Object.fromEntries(
      ['DATABASE_URL', 'REDIS_URL', 'PORT', 'PUBLIC_URL', 'MAIL_FROM', 'CUTOFF', 'LINK_SECRET_FILE'].map((name) => [
        name,
        '  ',
      ]),
    )
    expect(read(blank)).toEqual(read({}))
    expect(readConfig('mail', MAIL, { LINK_SECRET: '' }).linkSecrets).toEqual([SECRET])
  })

  it('prefers what is set to the defaults of a command', () => {
    const other = 'y'.repeat(32)
    expect(readConfig('mail', MAIL, {}).linkSecrets).toEqual([SECRET])
    expect(readConfig('mail', MAIL, { LINK_SECRET: other }).linkSecrets).toEqual([other])
  })

  it('asks who only signs links for no key of a provider', () => {
    const env = { ...RESEND, MAIL_PROVIDER: 'resend,smtp', RESEND_API_KEY: '', DKIM_SELECTOR: 'papers' }
    expect(read(env, 'links').linkSecrets).toEqual([SECRET])
    expect(problemsOf({ ...env, LINK_SECRET: 'short' }, 'links')).toEqual([expect.stringMatching(/^LINK_SECRET/)])
    expect(problemsOf(env, 'mail').map((problem) => problem.split(' ')[0])).toEqual([
      'RESEND_API_KEY',
      'SMTP_URL',
      'DKIM_PRIVATE_KEY',
    ])
  })

  it('keeps the public URL without a slash at the end', () => {
    expect(read({ PUBLIC_URL: 'https://papers.example/round//' }).publicUrl).toBe('https://papers.example/round')
  })

  it('tells each part that no link can have, and none of a password', () => {
    const problems = problemsOf({ PUBLIC_URL: 'https://me:hush@papers.example/?a=b#c' })
    expect(problems.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      'PUBLIC_URL has a query',
      'PUBLIC_URL has a fragment',
      'PUBLIC_URL has a user',
      'PUBLIC_URL has a password',
    ])
    expect(problems.join()).not.toContain('hush')
  })

  it('refuses Redis without a PostgreSQL, whatever the command', () => {
    const env = { REDIS_URL: 'redis://127.0.0.1' }
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^REDIS_URL is set without DATABASE_URL/)])
    expect(problemsOf({ ...env, ...MAIL }, 'mail')).toHaveLength(1)
  })

  it('says everything at once: what is mistyped, what is missing and what does not fit together', () => {
    const problems = problemsOf(
      {
        REDIS_URL: 'redis://127.0.0.1',
        PORT: 'x',
        CUTOFF: 'noon',
        LINK_SECRET: 'short',
        MAIL_PROVIDER: 'resend',
        RESEND_API_KEY_FILE: join(folder, 'missing'),
      },
      'mail',
    )
    expect(problems.map((line) => line.split(' ')[0]).sort()).toEqual([
      'CUTOFF',
      'LINK_SECRET',
      'MAIL_FROM',
      'PORT',
      'PUBLIC_URL',
      'REDIS_URL',
      'RESEND_API_KEY',
      'RESEND_API_KEY_FILE',
    ])
  })
})

describe('readConfig for commands that send', () => {
  it('wants a link secret, which commands on the stores do not', () => {
    expect(read({}).linkSecrets).toEqual([])
    expect(problemsOf({}, 'mail')).toEqual([expect.stringMatching(/^LINK_SECRET must be 32 characters/)])
  })

  it('reads a ring of secrets, newest first, each of them long enough', () => {
    const ring = ['a'.repeat(32), 'b'.repeat(40)]
    expect(read({ LINK_SECRET: ring.join(' , ') }, 'mail').linkSecrets).toEqual(ring)
    for (const LINK_SECRET of ['a'.repeat(31), `${SECRET},short`, `${SECRET},`]) {
      expect(problemsOf({ LINK_SECRET }, 'mail')).toHaveLength(1)
    }
  })

  it('refuses a key without a provider: nobody should believe that mails leave', () => {
    const env = { ...MAIL, RESEND_API_KEY: 're_key' }
    expect(problemsOf(env, 'mail')).toEqual([expect.stringMatching(/^RESEND_API_KEY is set but MAIL_PROVIDER is not/)])
    expect(read(env).providers[0].name).toBe('outbox')
    expect(read({ ...env, MAIL_PROVIDER: 'outbox' }, 'mail').providers[0].name).toBe('outbox')
  })

  it('wants a key, a sender and a public URL for Resend', () => {
    expect(read(RESEND, 'mail').providers).toEqual([
      { name: 'resend', apiKey: 're_key', baseUrl: undefined, quota: NO_QUOTA },
    ])
    expect(read({ ...RESEND, RESEND_BASE_URL: 'http://127.0.0.1:9' }, 'mail').providers[0]).toMatchObject({
      baseUrl: 'http://127.0.0.1:9',
    })
    for (const name of ['RESEND_API_KEY', 'MAIL_FROM', 'PUBLIC_URL']) {
      expect(problemsOf({ ...RESEND, [name]: undefined }, 'mail')).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ])
    }
  })
})

const SMTP = {
  ...RESEND,
  MAIL_PROVIDER: 'smtp',
  RESEND_API_KEY: undefined,
  SMTP_URL: 'smtps://papers%40example.org:p%25ss%3A@mail.example?pool=3',
}
const pem = (type: 'rsa' | 'ed25519' | 'ec', bits = 2048) => {
  const { privateKey } =
    type === 'rsa'
      ? generateKeyPairSync(type, { modulusLength: bits })
      : type === 'ec'
        ? generateKeyPairSync(type, { namedCurve: 'P-256' })
        : generateKeyPairSync(type)
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

describe('readConfig for a mail server', () => {
  it.each([
    [
      SMTP.SMTP_URL,
      {
        host: 'mail.example',
        port: 465,
        secure: true,
        login: { user: 'papers@example.org', password: 'p%ss:' },
        pool: 3,
      },
    ],
    ['smtp://127.0.0.1:1025', { host: '127.0.0.1', port: 1025, secure: false, login: null, pool: 12 }],
    ['smtp://[::1]/', { host: '::1', port: 587, secure: false, login: null, pool: 12 }],
  ])('reads %s', (SMTP_URL, server) => {
    expect(read({ ...SMTP, SMTP_URL }, 'mail').providers).toEqual([
      { name: 'smtp', server, dkim: null, quota: NO_QUOTA },
    ])
  })

  it.each([
    ['mail.example', /such as smtps:/],
    ['http://mail.example', /such as smtps:/],
    ['smtp://mail.example/inbox', /such as smtps:/],
    ['smtp://hidden@mail.example', /a user without a password/],
    ['smtp://mail.example?pool=0', /1 to 50/],
    ['smtp://mail.example?pool=51', /1 to 50/],
    ['smtp://mail.example?tls=none', /an option besides pool/],
    ['smtp://hidden:hidden%zz@mail.example', /%25/],
  ])('refuses %s without repeating it', (SMTP_URL, words) => {
    const problems = problemsOf({ ...SMTP, SMTP_URL }, 'mail')
    expect(problems).toEqual([expect.stringMatching(/^SMTP_URL /)])
    expect(problems[0]).toMatch(words)
    expect(problems[0]).not.toContain('hidden')
  })

  it.each(['rsa', 'ed25519'] as const)('takes a %s key with its selector, and neither without the other', (type) => {
    const key = pem(type)
    const dkim = { DKIM_PRIVATE_KEY: key, DKIM_SELECTOR: 'papers' }
    expect(read({ ...SMTP, ...dkim }, 'mail').providers).toMatchObject([
      { dkim: { privateKey: key, selector: 'papers' } },
    ])
    // As some tools write it, on one line.
    const line = { ...dkim, DKIM_PRIVATE_KEY: key.replaceAll('\n', '\\n') }
    expect(read({ ...SMTP, ...line }, 'mail').providers).toMatchObject([{ dkim: { privateKey: key } }])
    for (const name of ['DKIM_PRIVATE_KEY', 'DKIM_SELECTOR']) {
      expect(problemsOf({ ...SMTP, ...dkim, [name]: undefined }, 'mail')).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ])
    }
  })

  it.each([
    ['hidden', /not a private key in PEM/],
    [pem('ec'), /neither an RSA nor an Ed25519/],
    [pem('rsa', 512), /512 bits/],
  ])('refuses another key', (DKIM_PRIVATE_KEY, words) => {
    const problems = problemsOf({ ...SMTP, DKIM_PRIVATE_KEY, DKIM_SELECTOR: 'papers' }, 'mail')
    expect(problems).toEqual([expect.stringMatching(words)])
    expect(problems[0]).not.toMatch(/hidden|BEGIN/)
  })

  it('wants an address, a sender and a public URL', () => {
    for (const name of ['SMTP_URL', 'MAIL_FROM', 'PUBLIC_URL']) {
      expect(problemsOf({ ...SMTP, [name]: undefined }, 'mail')).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ])
    }
    expect(problemsOf({ ...SMTP, MAIL_PROVIDER: undefined }, 'mail')).toEqual([
      expect.stringMatching(/^SMTP_URL is set but MAIL_PROVIDER is not/),
    ])
  })
})

describe('readConfig for several providers', () => {
  const BOTH = { ...SMTP, RESEND_API_KEY: 're_key', MAIL_PROVIDER: 'resend, smtp' }

  it('keeps their order, each with its own quota', () => {
    const { providers } = read({ ...BOTH, SEND_QUOTA: '100/day,3000/month, smtp:500/day' }, 'mail')
    expect(providers.map(({ name, quota }) => [name, quota])).toEqual([
      ['resend', { day: 100, month: 3000 }],
      ['smtp', { day: 500, month: null }],
    ])
    expect(read({ ...BOTH, MAIL_PROVIDER: 'smtp,resend', SEND_QUOTA: '7/day' }, 'mail').providers[0].quota.day).toBe(7)
  })

  it.each([
    [{ MAIL_PROVIDER: 'resend,resend' }, /^MAIL_PROVIDER names a provider twice/],
    [{ MAIL_PROVIDER: 'resend,' }, /^MAIL_PROVIDER names a provider that this version does not know/],
    [{ SEND_QUOTA: '100' }, /^SEND_QUOTA is not a list such as/],
    [{ SEND_QUOTA: '0/day' }, /^SEND_QUOTA is not a list such as/],
    [{ SEND_QUOTA: '1/day,2/day' }, /^SEND_QUOTA names a quota twice/],
    [{ WARM_UP: '200;500' }, /^WARM_UP is neither a list of readers a day that rises/],
    [{ WARM_UP: '500,200' }, /^WARM_UP is neither/],
    [{ WARM_UP: '200x1' }, /^WARM_UP is neither/],
    [{ DOMAIN_RATE: '60' }, /^DOMAIN_RATE is not a pace such as 60\/minute/],
    [{ SEND_QUOTA: 'outbox:1/day' }, /^SEND_QUOTA names outbox, which MAIL_PROVIDER does not/],
  ])('refuses %j', (given, words) => {
    expect(problemsOf({ ...BOTH, ...given }, 'mail')).toEqual([expect.stringMatching(words)])
  })

  it('reads a ramp for the domain of the sender, the same for each, and a pace for the mail server', () => {
    const { providers } = read({ ...BOTH, WARM_UP: '200, 500,1000', DOMAIN_RATE: '90/hour' }, 'mail')
    const ramp = { domain: 'papers.example', days: [200, 500, 1000] }
    expect(providers.map(({ quota }) => quota.ramp)).toEqual([ramp, ramp])
    expect(providers[1]).toMatchObject({ domainRate: 1.5 })
    const doubling = read({ ...BOTH, WARM_UP: '300x2' }, 'mail').providers[0].quota.ramp?.days
    expect([doubling?.slice(0, 3), doubling?.length, doubling?.at(-1)]).toEqual([[300, 600, 1200], 12, 614_400])
    expect(read({ ...BOTH, WARM_UP: '10x1.5' }, 'mail').providers[0].quota.ramp?.days.slice(0, 4)).toEqual([
      10, 15, 23, 34,
    ])
    expect(problemsOf({ ...MAIL, MAIL_FROM: undefined, WARM_UP: '200' }, 'mail')).toEqual([
      expect.stringMatching(/^MAIL_FROM is missing: WARM_UP is the ramp/),
    ])
    expect(problemsOf({ ...RESEND, DOMAIN_RATE: '60/minute' }, 'mail')).toEqual([
      expect.stringMatching(/^DOMAIN_RATE is the pace of a mail server/),
    ])
  })

  it('says of each what is missing', () => {
    const problems = problemsOf({ ...MAIL, MAIL_PROVIDER: 'resend,smtp' }, 'mail')
    expect(problems.map((line) => line.split(' ')[0]).sort()).toEqual([
      'MAIL_FROM',
      'PUBLIC_URL',
      'RESEND_API_KEY',
      'SMTP_URL',
    ])
  })
})

describe('secrets in files', () => {
  it.each([
    ['LINK_SECRET', SECRET, (config: Config) => config.linkSecrets[0]],
    ['DATABASE_URL', 'postgres://me:pass@host/db', (config: Config) => config.databaseUrl],
    ['REDIS_URL', 'redis://:pass@host', (config: Config) => config.redisUrl],
    ['RESEND_API_KEY', 're_other', (config: Config) => 'apiKey' in config.providers[0] && config.providers[0].apiKey],
  ])('reads %s_FILE and drops the line end', async (name, secret, pick) => {
    const path = join(folder, name)
    await writeFile(path, `${secret}\n`)
    const env = { ...RESEND, DATABASE_URL: 'postgres://host/db', [name]: undefined, [`${name}_FILE`]: path }
    expect(pick(read(env, 'mail'))).toBe(secret)
  })

  it('refuses a secret that is given both ways, but lets a file replace a default', async () => {
    const path = join(folder, 'ring')
    await writeFile(path, 'z'.repeat(32))
    expect(problemsOf({ ...MAIL, LINK_SECRET_FILE: path }, 'mail')).toEqual([
      'LINK_SECRET and LINK_SECRET_FILE are both set: keep one',
    ])
    expect(readConfig('mail', MAIL, { LINK_SECRET_FILE: path }).linkSecrets).toEqual(['z'.repeat(32)])
  })

  it('names the file that cannot be read', () => {
    const path = join(folder, 'nowhere')
    expect(problemsOf({ DATABASE_URL_FILE: path })).toEqual([expect.stringContaining(path)])
  })

  it('never prints a secret in a problem, and never more than a line a problem', async () => {
    const secret = fc.stringMatching(/^[a-f0-9]{12,30}$/).map((text) => `hidden${text}`)
    const given = fc.record(
      {
        LINK_SECRET: secret,
        RESEND_API_KEY: secret,
        DATABASE_URL: secret.map((text) => `mysql://me:${text}@host/db`),
        REDIS_URL: fc.oneof(
          secret,
          secret.map((text) => `redis://:${text}@host`),
        ),
        MAIL_PROVIDER: fc.constantFrom('resend', 'pigeon', 'outbox'),
        PORT: fc.constant('none'),
      },
      { requiredKeys: [] },
    )
    const inFile = join(folder, 'secret')
    await writeFile(inFile, `hidden\nin a file`)
    fc.assert(
      fc.property(given, fc.boolean(), (env, file) => {
        const withFile = file ? { ...env, LINK_SECRET_FILE: inFile } : env
        for (const problem of problemsOf({ ...withFile, CUTOFF: 'x' }, 'mail')) {
          expect(problem).not.toContain('hidden')
          expect(problem).not.toContain('\n')
        }
      }),
      { numRuns: runs(200) },
    )
  })
})

describe('what reports and operators come with', () => {
  const [first, second] = ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'c2VjcmV0IG51bWJlciB0d28gb2YgdGhlIHJpbmc=']

  it('is a ring of signing secrets and one token', () => {
    const token = 'x'.repeat(40)
    expect(read({ RESEND_WEBHOOK_SECRET: `whsec_${first}, whsec_${second}`, OPERATOR_TOKEN: token })).toMatchObject({
      webhookSecrets: [`whsec_${first}`, `whsec_${second}`],
      metricsTokens: [token],
    })
  })

  it('opens metrics to the token for them and to that of the operator, and asks for one beside a port', () => {
    const [own, all] = ['m'.repeat(32), 'o'.repeat(32)]
    expect(read({}).metricsTokens).toEqual([])
    expect(read({ METRICS_TOKEN: own, OPERATOR_TOKEN: all, METRICS_PORT: '9464' })).toMatchObject({
      metricsTokens: [own, all],
      metricsPort: 9464,
    })
    expect(problemsOf({ METRICS_PORT: '9464' })).toEqual([expect.stringMatching(/^METRICS_TOKEN is missing/)])
    expect(problemsOf({ METRICS_PORT: '3000', METRICS_TOKEN: own })).toEqual([
      expect.stringMatching(/^METRICS_PORT is the same as PORT/),
    ])
    expect(problemsOf({ METRICS_PORT: 'x', METRICS_TOKEN: 'short' })).toHaveLength(2)
  })

  it.each([`${first}`, 'whsec_', 'whsec_short', `whsec_${first},`, `whsec_${first} whsec_${second}`])(
    'refuses %s for a signing secret',
    (secret) => {
      expect(problemsOf({ RESEND_WEBHOOK_SECRET: secret })).toEqual([
        expect.stringMatching(/^RESEND_WEBHOOK_SECRET is not a signing secret/),
      ])
    },
  )

  it.each(['short', `${'x'.repeat(20)} ${'x'.repeat(20)}`])('refuses the token %s', (token) => {
    expect(problemsOf({ OPERATOR_TOKEN: token })).toEqual([
      expect.stringMatching(/^OPERATOR_TOKEN must be 32 characters/),
    ])
  })
})

describe('BOUNCE_ADDRESS', () => {
  const BOUNCES = {
    ...MAIL,
    BOUNCE_ADDRESS: 'Bounces@Papers.example',
    BOUNCE_IMAP_URL: 'imaps://round%40papers.example:p%25ss%3A@mail.example',
  }
  const mailbox = {
    ...{ host: 'mail.example', port: 993, secure: true, login: { user: 'round@papers.example', password: 'p%ss:' } },
    ...{ inbox: 'INBOX', applied: 'Applied', others: 'Others' },
  }

  it('and its mailbox are nothing unless named', () => {
    expect(read(MAIL, 'mail').bounces).toBeNull()
  })

  it.each([
    [BOUNCES.BOUNCE_ADDRESS, { local: 'bounces', domain: 'papers.example' }],
    ['@bounces.papers.example', { local: null, domain: 'bounces.papers.example' }],
    ['a-b_c.15letters@x.example', { local: 'a-b_c.15letters', domain: 'x.example' }],
  ])('reads %s', (BOUNCE_ADDRESS, home) => {
    expect(read({ ...BOUNCES, BOUNCE_ADDRESS }, 'mail').bounces).toEqual({ home, mailbox })
  })

  it.each([
    ['imap://a:b@127.0.0.1:1143/Some%20folder', { host: '127.0.0.1', port: 1143, secure: false, inbox: 'Some folder' }],
    ['imap://a:b@mail.example', { port: 143, secure: false }],
    ['imaps://a:b@[::1]/?applied=Done&others=Rest', { host: '::1', applied: 'Done', others: 'Rest' }],
  ])('reads the mailbox %s', (BOUNCE_IMAP_URL, wanted) => {
    expect(read({ ...BOUNCES, BOUNCE_IMAP_URL }, 'mail').bounces?.mailbox).toMatchObject(wanted)
  })

  it.each([
    ['BOUNCE_ADDRESS', 'bounces', /^BOUNCE_ADDRESS is neither an address/],
    ['BOUNCE_ADDRESS', 'bounces+x@papers.example', /^BOUNCE_ADDRESS is neither an address/],
    ['BOUNCE_ADDRESS', 'bounces@localhost', /^BOUNCE_ADDRESS is neither an address/],
    ['BOUNCE_ADDRESS', 'sixteen-letters1@papers.example', /^BOUNCE_ADDRESS has more than 15 characters before the @/],
    ['BOUNCE_IMAP_URL', 'https://a:secret@mail.example', /^BOUNCE_IMAP_URL is not an address such as imaps/],
    ['BOUNCE_IMAP_URL', 'imaps://secret@mail.example', /^BOUNCE_IMAP_URL names no user with a password/],
    ['BOUNCE_IMAP_URL', 'imaps://a:secret@mail.example?folder=x', /^BOUNCE_IMAP_URL has an option besides/],
    ['BOUNCE_IMAP_URL', 'imaps://a:secret@mail.example/Applied', /^BOUNCE_IMAP_URL names one folder twice/],
    ['BOUNCE_IMAP_URL', 'imaps://a:secret%@mail.example', /^BOUNCE_IMAP_URL has a user, password or folder with a %/],
  ])('refuses %s=%s without repeating it', (name, value, words) => {
    const problems = problemsOf({ ...BOUNCES, [name]: value }, 'mail')
    expect(problems).toEqual([expect.stringMatching(words)])
    expect(problems.join()).not.toContain('secret')
  })

  it.each(['BOUNCE_ADDRESS', 'BOUNCE_IMAP_URL'])('needs the other: %s is missing', (name) => {
    expect(problemsOf({ ...BOUNCES, [name]: '' }, 'mail')).toEqual([expect.stringMatching(`^${name} is missing: `)])
  })
})

describe('the TLS of DATABASE_URL', () => {
  const ADDRESS = 'postgres://a:b%20c@db.example/papers'
  it.each([
    ['?sslmode=require', '?sslmode=verify-full'],
    [
      '?application_name=x&sslmode=prefer&sslrootcert=/ca.pem',
      '?application_name=x&sslmode=verify-full&sslrootcert=/ca.pem',
    ],
    ['?sslmode=verify-ca', '?sslmode=verify-full'],
    ['?sslmode=verify-full', '?sslmode=verify-full'],
    ['?sslmode=disable', '?sslmode=disable'],
    ['?sslmode=no-verify', '?sslmode=no-verify'],
    ['?uselibpqcompat=true&sslmode=require', '?uselibpqcompat=true&sslmode=require'],
    ['', ''],
  ])('is what the driver takes it for, which then warns of nothing: %j', async (given, meant) => {
    const { databaseUrl = '' } = readConfig('stores', {}, { DATABASE_URL: ADDRESS + given })
    expect(databaseUrl).toBe(ADDRESS + meant)
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    // It reads the files that an address names.
    new pg.Client({ connectionString: databaseUrl.replace(/&sslrootcert=[^&]*/, '') })
    expect(warned).not.toHaveBeenCalled()
    warned.mockRestore()
  })
})

describe('readEnvFile', () => {
  const read = async (content: string | Buffer) => {
    const file = join(folder, 'settings.env')
    await writeFile(file, content)
    return readEnvFile(file)
  }

  it.each(['\n', '\r\n'])(
    'reads settings behind a byte order mark, quoted and commented (line end %j)',
    async (end) => {
      const lines = ['\ufeffA=1', '', '  # mine', 'export B = "two', 'lines" # and more', "C=it's", 'D_2=', 'E=a=b']
      expect(await read(lines.join(end))).toEqual({
        A: '1',
        B: expect.stringMatching(/^two\r?\nlines$/),
        C: "it's",
        D_2: '',
        E: 'a=b',
      })
      expect(await read('')).toEqual({})
    },
  )

  it.each([
    ['just some words\nPORT\n=3\nA=1\n', 'lines 1, 2, 3'],
    ['A=1\n\nDATABASE_URL postgres://secret', 'line 3'],
    ["A='two\nlines'\nno-name=1\n", 'line 3'],
    [`A=-----BEGIN\n${'secret\n'.repeat(9)}`, 'lines 2, 3, 4, 5, 6 and 4 more'],
  ])('refuses %j, with the lines and not with what stands there', async (content, lines) => {
    const problem = await read(content).catch((error) => error)
    expect(problem).toBeInstanceOf(UsageError)
    expect(problem.message).toContain(`settings.env ${lines}: not of the form NAME=value`)
    expect(problem.message).not.toContain('secret')
  })

  it('takes a # apart from one word for a comment', async () => {
    expect(await read('PORT=3000  # the website\nHOST= # all\nZ="a"#b\n')).toEqual({ PORT: '3000', HOST: '', Z: 'a' })
  })

  it.each([
    ['POSTAL_ADDRESS=548 Market St #400, San Francisco', 'line 1'],
    ['POSTAL_ADDRESS=548 Market St # 400, San Francisco', 'line 1'],
    ['\n\n# mine\n\nMETRICS_TOKEN=secret#secret', 'line 5'],
    ['A=#secret\nB="two\nlines" secret\nMAIL_FROM="Papers" <secret@example.org>\nC=1', 'lines 1, 2, 4'],
    ["A='it''s'", 'line 1'],
    ['A="never closed\nB="secret"', 'line 1'],
  ])('refuses %j, of which a part would be lost', async (content, lines) => {
    const problem = await read(content).catch((error) => error)
    expect(problem).toBeInstanceOf(UsageError)
    expect(problem.message).toContain(`settings.env ${lines}: what stands behind a # or a closing quote would be lost`)
    expect(problem.message).not.toContain('secret')
  })

  it('tells all that is wrong with a file at once', async () => {
    await expect(read('just words\nA=b#c\n')).rejects.toMatchObject({
      problems: [expect.stringContaining('line 1: not of the form'), expect.stringContaining('line 2: what stands')],
    })
  })

  it.each([
    ['UTF-16', Buffer.from('\ufeffA=1\n', 'utf16le'), 1],
    ['UTF-16 without its mark', Buffer.from('A=1\n', 'utf16le'), 1],
    ['Latin-1', Buffer.from('A=1\nB=Zürich\n', 'latin1'), 2],
  ])('refuses %s with the line', async (_, content, line) => {
    await expect(read(content)).rejects.toThrow(`settings.env line ${line} is not UTF-8`)
  })

  it('says of a folder that it is one', async () => {
    await mkdir(join(folder, 'folder.env'))
    expect(() => readEnvFile(join(folder, 'folder.env'))).toThrow(/folder\.env is a folder: /)
  })
})
