// A new host's file of settings: complete, its owner's alone, and never with another link secret
// than the first.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AskHost, type InitOptions, initCommand } from '../../src/commands/init.ts'
import { loadEnvFile, readConfig, readEnvFile } from '../../src/config.ts'
import { callOn, readJson } from '../support/command.ts'

let directory: string
let file: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paper-round-init-'))
  file = join(directory, '.env')
})
afterEach(() => rm(directory, { recursive: true }))

const ANSWERS: Record<string, string> = {
  MAIL_PROVIDER: 'resend',
  PUBLIC_URL: 'https://papers.example.org',
  MAIL_FROM: "Ada's Papers <papers@example.org>",
  RESEND_API_KEY: 're_123',
}
const answering: AskHost = async ({ name }) => ANSWERS[name] ?? ''
const init = (options: InitOptions, ask: typeof answering | undefined) =>
  callOn('', () => initCommand(options, { directory, ask }))

it('asks for what sending takes and writes what a start needs', async () => {
  const { stdout } = await init({}, answering)
  expect(stdout).toMatch(/LINK_SECRET was made: keep it.*\nNext: .* test-mail YOUR-ADDRESS/)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const settings = readEnvFile(file) as Record<string, string>
  expect(settings).toEqual({ ...ANSWERS, LINK_SECRET: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(readConfig('mail', {}, settings)).toMatchObject({
    mailFrom: ANSWERS.MAIL_FROM,
    providers: [{ name: 'resend' }],
  })
})

it('says of an answer at once what a start would refuse', async () => {
  const heard: Record<string, (string | undefined)[]> = {}
  await init({}, async ({ name, problemWith }) => {
    heard[name] = ['nonsense', ANSWERS[name] ?? ''].map(problemWith)
    return ANSWERS[name] ?? ''
  })
  expect(heard).toMatchObject({
    PUBLIC_URL: [expect.stringMatching(/^PUBLIC_URL /), undefined],
    MAIL_FROM: [expect.stringMatching(/^MAIL_FROM is not "Name <address>"/), undefined],
  })
})

it('keeps the secret and every line that it does not ask about', async () => {
  await init({}, answering)
  const first = readEnvFile(file)
  await writeFile(file, `# mine\nCUTOFF=01:00\n${await readFile(file, 'utf8')}`)
  const options = { provider: 'outbox', publicUrl: 'http://localhost:3000', json: true }
  const result = await readJson('', () => initCommand(options, { directory, ask: undefined }))
  expect(result).toMatchObject({
    file,
    linkSecret: 'kept',
    problems: [],
  })
  expect(readEnvFile(file)).toEqual({
    ...first,
    ...{ MAIL_PROVIDER: 'outbox', PUBLIC_URL: 'http://localhost:3000', CUTOFF: '01:00' },
  })
  expect(await readFile(file, 'utf8')).toMatch(/^# mine\nCUTOFF=01:00\n/)
})

it('says what is missing where nobody can be asked, all of it, and what a start would refuse', async () => {
  const refusal = await init({}, undefined).catch((error) => error)
  expect(refusal.problems.map((line: string) => line.split(' ')[0])).toEqual([
    '--provider',
    '--public-url',
    '--mail-from',
  ])
  expect(readEnvFile(file)).toBeUndefined()
  const bad = { provider: 'pigeon', publicUrl: 'https://a.example', mailFrom: 'a@a.example' }
  await expect(init(bad, undefined)).rejects.toThrow('--provider pigeon is none of resend, smtp, outbox')
  const { stdout } = await init({ ...bad, provider: 'smtp' }, undefined)
  expect(stdout).toMatch(/\nBefore you start:\n {2}SMTP_URL is missing/)
})

it('judges what a call names before it asks or writes anything, all of it', async () => {
  await init({}, answering)
  const before = await readFile(file, 'utf8')
  const bad = { provider: 'pigeon', publicUrl: 'foo', mailFrom: 'x' }
  for (const ask of [undefined, () => Promise.reject(new Error('asked'))]) {
    const refusal = await init(bad, ask).catch((error) => error)
    expect(refusal.problems).toEqual([
      '--provider pigeon is none of resend, smtp, outbox',
      '--public-url foo is not an address that begins with http:// or https://',
      '--mail-from x is not "Name <address>" or an address',
    ])
  }
  await expect(init({ ...bad, provider: 'outbox' }, undefined)).rejects.toThrow('--public-url foo is not')
  expect(await readFile(file, 'utf8')).toBe(before)
})

it('writes below a byte order mark what it replaces', async () => {
  await writeFile(file, '\ufeffMAIL_PROVIDER=smtp\n')
  await init({ provider: 'outbox', publicUrl: 'http://localhost:3000' }, undefined)
  expect(await readFile(file, 'utf8')).toMatch(/^MAIL_PROVIDER=outbox\nPUBLIC_URL=/)
})

it('is read below the environment: real variables win, empty ones and files of secrets too', async () => {
  expect(loadEnvFile(directory, {})).toBeUndefined()
  await writeFile(file, 'PORT=4000\nLINK_SECRET=abc\nCUTOFF=02:00\nSMTP_URL_FILE=/run/smtp\n')
  const env: NodeJS.ProcessEnv = { PORT: '5000', LINK_SECRET_FILE: '/run/secret', SMTP_URL: '' }
  expect(loadEnvFile(directory, env)).toEqual(['CUTOFF'])
  expect(env).toEqual({ PORT: '5000', LINK_SECRET_FILE: '/run/secret', SMTP_URL: '', CUTOFF: '02:00' })
})
