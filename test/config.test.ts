import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Config, type Reach, readConfig } from '../src/config.ts'
import { UsageError } from '../src/errors.ts'

const SECRET = 'x'.repeat(32)
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
  it('has a default for everything that stores need', () => {
    expect(read({})).toEqual({
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: resolve('.data'),
      schema: 'public',
      publicUrl: 'http://localhost:3000',
      port: 3000,
      linkSecrets: [],
      mailFrom: 'Daily Papers <papers@example.org>',
      provider: { name: 'outbox', directory: resolve('outbox') },
      sendRate: 5,
      postalAddress: null,
      unsubscribeMailto: null,
      source: 'https://huggingface.co/api/daily_papers',
      cutoffMinutes: 30,
      latenessMs: 96 * 3_600_000,
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
    [{ DATABASE_URL: 'postgres://me@host/db' }, { databaseUrl: 'postgres://me@host/db' }],
    [
      { DATABASE_URL: 'postgresql://host/db', REDIS_URL: 'rediss://host:6380/1' },
      { databaseUrl: 'postgresql://host/db', redisUrl: 'rediss://host:6380/1' },
    ],
    [{ DATA_DIR: '/var/lib/papers' }, { dataDir: '/var/lib/papers' }],
    [{ PUBLIC_URL: 'https://papers.example' }, { publicUrl: 'https://papers.example' }],
    [{ PORT: '0' }, { port: 0 }],
    [{ PORT: '8080' }, { port: 8080, publicUrl: 'http://localhost:8080' }],
    [{ MAIL_FROM: 'papers@papers.example' }, { mailFrom: 'papers@papers.example' }],
    [{ MAIL_FROM: 'The Papers <p@papers.example>' }, { mailFrom: 'The Papers <p@papers.example>' }],
    [{ MAIL_PROVIDER: 'outbox', OUTBOX_DIR: '/var/mails' }, { provider: { name: 'outbox', directory: '/var/mails' } }],
    [{ SEND_RATE: '0.5' }, { sendRate: 0.5 }],
    [{ POSTAL_ADDRESS: '1 Paper Road' }, { postalAddress: '1 Paper Road' }],
    [{ UNSUBSCRIBE_MAILTO: 'off@papers.example' }, { unsubscribeMailto: 'off@papers.example' }],
    [{ SOURCE: 'file:some/where' }, { source: 'file:some/where' }],
    [{ SOURCE: 'http://127.0.0.1:9/api' }, { source: 'http://127.0.0.1:9/api' }],
    [{ CUTOFF: '00:00' }, { cutoffMinutes: 0 }],
    [{ CUTOFF: '23:59' }, { cutoffMinutes: 23 * 60 + 59 }],
    [{ LATENESS: '90m' }, { latenessMs: 90 * 60_000 }],
    [{ LATENESS: '4d' }, { latenessMs: 4 * 86_400_000 }],
    [{ TEMPLATES_DIR: 'my/templates' }, { templatesDir: 'my/templates' }],
    [{ LOG_LEVEL: 'debug' }, { logLevel: 'debug' }],
  ])('reads %j', (env, wanted) => expect(read(env)).toMatchObject(wanted))

  it.each<[string, string, RegExp]>([
    ['DATABASE_URL', 'mysql://host/db', /begins with postgres:\/\/ or postgresql:\/\//],
    ['DATABASE_URL', 'host/db', /not an address/],
    ['PUBLIC_URL', 'papers.example', /begins with http:\/\/ or https:\/\//],
    ['PUBLIC_URL', 'javascript:alert(1)', /not an address/],
    ['PORT', '70000', /not a port/],
    ['PORT', '-1', /not a port/],
    ['PORT', '80.5', /not a port/],
    ['PORT', 'http', /not a port/],
    ['MAIL_FROM', 'papers', /"Name <address>"/],
    ['MAIL_FROM', 'A\r\nBcc: b@papers.example <a@papers.example>', /"Name <address>"/],
    ['MAIL_PROVIDER', 'pigeon', /outbox or resend/],
    ['RESEND_BASE_URL', 'ftp://host', /not an address/],
    ['UNSUBSCRIBE_MAILTO', 'a@b.example,c@d.example', /not an address/],
    ['SOURCE', 'file:', /file:DIRECTORY/],
    ['SOURCE', '/some/where', /file:DIRECTORY/],
    ['SEND_RATE', '0', /above 0/],
    ['SEND_RATE', '10001', /at most 10000/],
    ['SEND_RATE', 'Infinity', /requests a second/],
    ['SEND_RATE', 'fast', /requests a second/],
    ['CUTOFF', '24:00', /HH:MM/],
    ['CUTOFF', '7:00', /HH:MM/],
    ['LATENESS', '96', /96h/],
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

  it('keeps the public URL without a slash at the end', () => {
    expect(read({ PUBLIC_URL: 'https://papers.example/round//' }).publicUrl).toBe('https://papers.example/round')
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
    expect(read(env).provider.name).toBe('outbox')
    expect(read({ ...env, MAIL_PROVIDER: 'outbox' }, 'mail').provider.name).toBe('outbox')
  })

  it('wants a key, a sender and a public URL for Resend', () => {
    expect(read(RESEND, 'mail').provider).toEqual({ name: 'resend', apiKey: 're_key', baseUrl: undefined })
    expect(read({ ...RESEND, RESEND_BASE_URL: 'http://127.0.0.1:9' }, 'mail').provider).toMatchObject({
      baseUrl: 'http://127.0.0.1:9',
    })
    for (const name of ['RESEND_API_KEY', 'MAIL_FROM', 'PUBLIC_URL']) {
      expect(problemsOf({ ...RESEND, [name]: undefined }, 'mail')).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ])
    }
  })
})

describe('secrets in files', () => {
  it.each([
    ['LINK_SECRET', SECRET, (config: Config) => config.linkSecrets[0]],
    ['DATABASE_URL', 'postgres://me:pass@host/db', (config: Config) => config.databaseUrl],
    ['REDIS_URL', 'redis://:pass@host', (config: Config) => config.redisUrl],
    ['RESEND_API_KEY', 're_other', (config: Config) => 'apiKey' in config.provider && config.provider.apiKey],
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
      { numRuns: 200 },
    )
  })
})
