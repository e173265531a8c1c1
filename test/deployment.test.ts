// Holds the files that a host starts from to what the program reads: docker-compose.yml, Dockerfile
// and .env.example. No engine is needed, and none is asked.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../package.json' with { type: 'json' }
import { readConfig, SECRET_NAMES } from '../src/config.ts'
import { ROLES } from '../src/main.ts'

interface Service {
  image?: string
  build?: string
  command?: string[]
  container_name?: string
  ports?: string[]
  networks: string[]
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  environment?: Record<string, string>
  healthcheck?: { test?: string[]; disable?: boolean }
  restart: string
  stop_grace_period: string
  env_file?: string
  init?: boolean
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  mem_limit?: string
  pids_limit?: number
}

interface Compose {
  services: Record<'postgres' | 'redis' | 'migrate' | 'web' | 'worker' | 'scheduler', Service>
  networks: Record<string, { internal?: boolean } | null>
  volumes: Record<string, unknown>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8')

const composeText = read('docker-compose.yml')
const compose: Compose = parse(composeText, { merge: true })
const { postgres, redis, migrate, web, worker, scheduler } = compose.services
const examples = [...read('.env.example').matchAll(/^(#?)([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
  ([, sign, name = '', value = '']) => ({ name, value, isDefault: sign === '#' }),
)

/**
 * The names that the one reader of the environment knows: the keys of its zod object, wherever in
 * config*.ts it stands.
 */
function namesRead(): string[] {
  const names: string[] = []
  for (const file of readdirSync(`${root}/src`).filter((name) => /^config.*\.ts$/.test(name))) {
    const tree = ts.createSourceFile(file, read(`src/${file}`), ts.ScriptTarget.Latest, true)
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && node.expression.getText() === 'z.object') {
        const [shape] = node.arguments
        if (shape && ts.isObjectLiteralExpression(shape)) {
          names.push(...shape.properties.map((property) => property.name?.getText() ?? ''))
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(tree)
  }
  return names
}

const sharedText = read('deploy/compose/shared-stores.yml')
const another: Compose = parse(read('deploy/compose/another-machine.yml'))

/** The variables that Compose itself puts into its files. */
const namesOfCompose = [...`${composeText}${sharedText}`.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name)

describe('.env.example', () => {
  it('names every secret that may stand in a file, and no other', () => {
    const [head = ''] = read('.env.example').split('\n\n')
    const [, list = ''] = /a line of its own\.([\s\S]*?) may instead be named by file/.exec(head) ?? []
    expect([...list.matchAll(/[A-Z][A-Z_]+/g)].map(([name]) => name).sort()).toEqual([...SECRET_NAMES].sort())
  })

  it('explains every variable that the program reads, once', () => {
    const names = examples.map(({ name }) => name)
    expect(namesRead()).toContain('LINK_SECRET')
    expect(names).toEqual([...new Set(names)])
    expect(namesRead().filter((name) => !names.includes(name))).toEqual([])
  })

  it('names nothing that neither the program nor docker-compose.yml reads', () => {
    const known = [...namesRead(), ...namesOfCompose]
    expect(examples.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([])
  })

  it('has every variable that docker-compose.yml asks for', () => {
    const names = examples.map(({ name }) => name)
    expect(namesOfCompose.filter((name) => !names.includes(name))).toEqual([])
  })

  it('has a line of words above each variable, and none of them is a secret', () => {
    const lines = read('.env.example').split('\n')
    for (const { name, value } of examples) {
      const at = lines.findIndex((line) => line.startsWith(`${name}=`) || line.startsWith(`#${name}=`))
      expect(lines[at - 1], name).toMatch(/^# .{10,}/)
      if (/SECRET|KEY|PASSWORD/.test(name)) expect(value, name).toBe('')
    }
  })

  it('shows the defaults as they are: taking them in changes nothing', () => {
    const defaults = Object.fromEntries(
      examples.filter(({ isDefault }) => isDefault).map((each) => [each.name, each.value]),
    )
    expect(Object.values(defaults).filter((value) => value !== '').length).toBeGreaterThan(5)
    expect(readConfig('stores', {}, defaults)).toEqual(readConfig('stores', {}, {}))
  })

  it('is enough to send with, once its blanks are filled', () => {
    const filled = Object.fromEntries(
      examples
        .filter(({ isDefault }) => !isDefault)
        .map(({ name, value }) => [name, value === '' ? 'a'.repeat(48) : value]),
    )
    const config = readConfig('mail', {}, filled)
    expect(config.providers[0].name).toBe('resend')
    expect(config.publicUrl).toMatch(/^https:/)
    expect(config.linkSecrets).toHaveLength(1)
  })
})

describe('docker-compose.yml', () => {
  const ours = { migrate, web, worker, scheduler }

  it('publishes no port but that of the web surface', () => {
    const published = Object.entries(compose.services).filter(([, service]) => service.ports !== undefined)
    expect(published.map(([name]) => name)).toEqual(['web'])
  })

  it('keeps both stores on a network without a way out', () => {
    expect(postgres.networks).toEqual(['stores'])
    expect(redis.networks).toEqual(['stores'])
    expect(compose.networks.stores?.internal).toBe(true)
  })

  it('lets the roles that talk to the world reach it, and no other', () => {
    const outside = Object.entries(compose.services).filter(([, { networks }]) => networks.includes('outside'))
    expect(outside.map(([name]) => name)).toEqual(['web', 'worker', 'scheduler'])
  })

  it('has a Redis that never evicts and outlives a restart, as the queue demands', () => {
    const command = redis.command?.join(' ')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(command).toContain('--appendonly yes')
    expect(redis.volumes).toEqual(['redis:/data'])
  })

  it('keeps what PostgreSQL writes and takes its password from .env alone', () => {
    expect(postgres.image).toMatch(/^postgres:17\b/)
    expect(postgres.volumes).toEqual(['postgres:/var/lib/postgresql/data'])
    expect(postgres.environment?.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?/)
    expect(composeText).not.toMatch(/password:? *=? *['"]?[a-z0-9]{4,}['"]?$/im)
  })

  it('points the program at the stores that it defines', () => {
    const { POSTGRES_USER, POSTGRES_DB } = postgres.environment ?? {}
    for (const service of Object.values(ours)) {
      const address = service.environment?.DATABASE_URL?.replace(/\$\{POSTGRES_PASSWORD:\?[^}]*\}/, 'PASSWORD')
      expect(address).toBe(`postgres://${POSTGRES_USER}:PASSWORD@postgres:5432/${POSTGRES_DB}`)
      expect(service.environment?.REDIS_URL).toBe('redis://redis:6379')
    }
  })

  it('listens on all interfaces inside, in the image as well', () => {
    for (const service of Object.values(ours)) expect(service.environment?.HOST).toBe('0.0.0.0')
    expect(read('Dockerfile')).toMatch(/^ENV .*\bHOST=0\.0\.0\.0$/m)
  })

  it('takes every container the powers, memory and processes that it does not need', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.cap_drop, name).toEqual(['ALL'])
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
      expect(service.mem_limit, name).toMatch(/^\d+g$/)
      expect(service.pids_limit, name).toBeGreaterThan(0)
    }
    for (const service of Object.values(ours)) {
      expect(service.cap_add).toBeUndefined()
      expect(service.environment).toMatchObject({ POSTGRES_PASSWORD: '', REDIS_PASSWORD: '' })
    }
  })

  it('sets nothing that the program does not read', () => {
    const set = Object.values(ours).flatMap((service) => Object.keys(service.environment ?? {}))
    const known = [...namesRead(), ...SECRET_NAMES.map((name) => `${name}_FILE`), 'POSTGRES_PASSWORD', 'REDIS_PASSWORD']
    expect(set.filter((name) => !known.includes(name))).toEqual([])
  })

  it('gives each role the secrets that it needs, and no other, as a value or as a file', () => {
    const stores = ['DATABASE_URL', 'REDIS_URL']
    const needed: Record<keyof typeof ours, string[]> = {
      migrate: stores,
      web: [...stores, 'LINK_SECRET', 'RESEND_WEBHOOK_SECRET', 'OPERATOR_TOKEN', 'METRICS_TOKEN'],
      worker: [
        ...[...stores, 'LINK_SECRET', 'RESEND_API_KEY', 'SMTP_URL', 'DKIM_PRIVATE_KEY', 'ALARM_SECRET'],
        ...['METRICS_TOKEN', 'BOUNCE_IMAP_URL'],
      ],
      scheduler: [...stores, 'LINK_SECRET', 'ALARM_SECRET', 'METRICS_TOKEN', 'BOUNCE_IMAP_URL'],
    }
    for (const [role, { environment = {} }] of Object.entries(ours)) {
      const withheld = SECRET_NAMES.filter((name) => environment[name] === '' && environment[`${name}_FILE`] === '')
      expect([role, SECRET_NAMES.filter((name) => !withheld.includes(name)).sort()]).toEqual([
        role,
        needed[role as keyof typeof ours].sort(),
      ])
    }
  })

  it('starts each role with what it gets of a filled .env', () => {
    const env = {
      ...{ LINK_SECRET: 'l'.repeat(32), PUBLIC_URL: 'https://papers.example.org', MAIL_FROM: 'papers@example.org' },
      ...{ MAIL_PROVIDER: 'resend', RESEND_API_KEY: 're_key', METRICS_PORT: '9000', METRICS_TOKEN: 'm'.repeat(32) },
      ...{ OPERATOR_TOKEN: 'o'.repeat(32), ALARM_URL: 'https://alarms.example.org' },
      ALARM_SECRET: `whsec_${Buffer.from('a'.repeat(32)).toString('base64')}`,
    }
    const reach = { migrate: 'stores', web: 'links', worker: 'mail', scheduler: 'links' } as const
    for (const [role, { environment }] of Object.entries(ours)) {
      const own = { ...env, ...environment, DATABASE_URL: 'postgres://postgres:5432/paper_round' }
      const given = readConfig(reach[role as keyof typeof ours], {}, own)
      expect(JSON.stringify(given).includes('re_key'), role).toBe(role === 'worker')
    }
  })

  it('leaves the worker free to be scaled', () => {
    expect(worker.container_name).toBeUndefined()
    expect(worker.ports).toBeUndefined()
  })

  it('runs every role once, after the migrations', () => {
    const roles = [web, worker, scheduler].map(({ command }) => command)
    expect(roles).toEqual(ROLES.map((role) => ['start', '--roles', role]))
    expect(migrate.command).toEqual(['migrate'])
    expect(migrate.restart).toBe('no')
    for (const { depends_on } of [web, worker, scheduler]) {
      expect(depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      })
    }
    expect(migrate.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
  })

  it('asks both stores for their health, the website by the image, the others by their heartbeat', () => {
    expect(postgres.healthcheck?.test).toContain('pg_isready')
    expect(redis.healthcheck?.test).toContain('redis-cli')
    expect(web.healthcheck).toBeUndefined()
    expect(migrate.healthcheck).toEqual({ disable: true })
    for (const [role, { healthcheck }] of Object.entries({ worker, scheduler })) {
      expect(healthcheck?.test).toEqual(['CMD', 'node', 'dist/cli.js', 'healthcheck', '--role', role])
    }
  })

  it('gives our containers a reaper, time to finish, the settings and nothing to overwrite', () => {
    for (const service of Object.values(ours)) {
      expect(service).toMatchObject({ init: true, stop_grace_period: '45s', env_file: '.env', read_only: true })
      // One image for all; by its policy Compose makes it at each `up` and looks for it nowhere.
      expect(service).toMatchObject({ image: 'paper-round', build: '.', pull_policy: 'build' })
    }
    for (const { restart } of [postgres, redis, web, worker, scheduler]) expect(restart).toBe('unless-stopped')
  })

  it('gives all of ours the state beside the database, on a volume that holds nothing else', () => {
    for (const { volumes, environment } of Object.values(ours)) {
      expect(volumes).toContain('state:/app/state')
      expect(environment?.STATE_DIR).toBe('/app/state')
    }
    expect(postgres.volumes).not.toContain('state:/app/state')
  })

  it('lets the worker alone write mails, to a volume', () => {
    const writable = Object.entries(ours).map(([role, { volumes }]) => [
      role,
      volumes?.filter((each) => !/:ro$/.test(each)),
    ])
    expect(Object.fromEntries(writable)).toEqual({
      ...{ migrate: ['state:/app/state'], web: ['state:/app/state'], scheduler: ['state:/app/state'] },
      worker: ['outbox:/app/outbox', 'state:/app/state'],
    })
    expect(worker.environment?.OUTBOX_DIR).toBe('/app/outbox')
    expect(Object.keys(compose.volumes)).toEqual(['postgres', 'redis', 'outbox', 'state'])
  })
})

it('shows templates and days of the host to every role, and files of secrets to the worker alone', () => {
  for (const [role, { volumes = [] }] of Object.entries({ migrate, web, worker, scheduler })) {
    const mounted = volumes.filter((each) => each.startsWith('./'))
    const own = role === 'worker' ? ['./secrets:/app/secrets:ro'] : []
    expect([role, mounted]).toEqual([role, ['./custom:/app/custom:ro', ...own]])
  }
  expect(read('.gitignore')).toMatch(/^\/custom\/\n\/secrets\/$/m)
})

describe('deploy/compose', () => {
  it('lets other machines in at one named address, and Redis by a password that all roles know', () => {
    const shared: Compose = parse(sharedText, { merge: true })
    const { postgres, redis, ...roles } = shared.services
    expect([postgres.ports, redis.ports]).toEqual([
      [expect.stringMatching(/^\$\{STORES_ADDRESS:\?.*\}:5432:5432$/)],
      [expect.stringMatching(/^\$\{STORES_ADDRESS\}:6379:6379$/)],
    ])
    // A port is published only where there is a way out.
    for (const { networks } of [postgres, redis]) expect(networks).toEqual(['stores', 'outside'])
    expect(redis.command?.join(' ')).toBe(
      `${compose.services.redis.command?.join(' ')} --requirepass \${REDIS_PASSWORD}`,
    )
    expect(Object.keys(roles)).toEqual(['migrate', 'web', 'worker', 'scheduler'])
    for (const { environment } of Object.values(roles)) {
      expect(environment?.REDIS_URL).toMatch(/^redis:\/\/:\$\{REDIS_PASSWORD:\?.*\}@redis:6379$/)
    }
  })

  it("joins with a worker that is the first machine's but for the stores, which are in its .env", () => {
    expect(Object.keys(another.services)).toEqual(['worker'])
    const { depends_on, networks, environment = {}, ...own } = worker
    const { environment: joined = {}, ...rest } = another.services.worker
    const outOf = (path: string) => path.replace(/^\.(?=\/|$)/, '../..')
    expect(rest).toEqual({ ...own, build: '../..', env_file: '../../.env', volumes: own.volumes?.map(outOf) })
    const { DATABASE_URL, REDIS_URL, PORT, ...others } = environment
    expect(joined).toEqual(others)
    expect(another.volumes).toEqual({ outbox: null, state: null })
  })
})

describe('Dockerfile', () => {
  const stages = read('Dockerfile')
    .replace(/\\\n/g, ' ')
    .split(/^(?=FROM )/m)
    .slice(1)
  const last = stages.at(-1) ?? ''

  it('is on the newest Node that CI proves, named to the last digit', () => {
    const proven =
      read('.ci/run')
        .match(/^nodes=\((.+)\)$/m)?.[1]
        ?.split(' ') ?? []
    expect(stages[0]).toMatch(/^FROM node:\d+\.\d+\.\d+-bookworm-slim AS base$/m)
    expect(stages[0]).toContain(`FROM node:${proven.at(-1)}-bookworm-slim`)
  })

  it('ends as somebody who is not root, and copies nothing as them', () => {
    expect(last.match(/^USER (.+)$/m)?.[1]).toBe('node')
    expect(last.slice(last.indexOf('USER node'))).not.toMatch(/^(RUN|COPY|ADD|USER root)/m)
  })

  it('carries production packages only, and the compiled program', () => {
    const dependencies = stages.find((stage) => stage.includes('AS dependencies'))
    expect(dependencies).toContain('npm ci --omit=dev')
    expect(last).toContain('COPY --from=dependencies /app/node_modules')
    expect(last).toContain('COPY --from=build /app/dist')
    expect(last).not.toMatch(/npm|COPY (\.|src|test)\b/)
  })

  it('asks for its health, and hands signals and commands to the program', () => {
    expect(last).toMatch(/^HEALTHCHECK .* CMD \["node", "dist\/cli\.js", "healthcheck"\]$/m)
    expect(last).toMatch(/^ENTRYPOINT \["node".*"dist\/cli\.js"\]$/m)
    expect(last).toMatch(/^CMD \["start"\]$/m)
  })

  it('finds everything it copies in what .dockerignore lets through', () => {
    const allowed =
      read('.dockerignore')
        .match(/^!.+$/gm)
        ?.map((line) => line.slice(1)) ?? []
    const copied = stages.flatMap((stage) =>
      [...stage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list = '']) => list.split(' ')),
    )
    expect(read('.dockerignore')).toMatch(/^\*$/m)
    expect([...new Set(copied)].sort()).toEqual(allowed.sort())
  })
})

describe('the CI of forks', () => {
  it('runs all of .ci/run on the oldest Node that the package promises', () => {
    const workflow = parse(read('.github/workflows/ci.yml'))
    const oldest = /^>=(\d+\.\d+)$/.exec(packageJson.engines.node)?.[1]
    expect(workflow.jobs.everything.container).toBe(`node:${oldest}-bookworm`)
    expect(workflow.jobs.everything.steps.map(({ run }: { run?: string }) => run)).toContain('.ci/run')
  })
})
