// The rules that hold the source in shape, as pure functions: files in, one sentence a violation
// out, none when all is well.
import { isBuiltin } from 'node:module'
import type { Import, Module } from './imports.ts'

/** Imports point one way: each may import itself and what stands before it. */
export const LAYERS = [
  'database',
  'source',
  'edition',
  'subscriber',
  'digest',
  'delivery',
  'jobs',
  'web',
  'config',
  'context',
  'main',
  'commands',
  'cli',
]
/** Anyone may import these; they import one another only. */
const LEAVES = ['engine', 'errors', 'folder', 'heap', 'issues', 'logger', 'time', 'version']

/**
 * The rooms of each hall that has any, with the rooms of the same hall that each may import; a hall
 * is a room itself, for the files at its root. No circle, and no entry that nobody uses.
 */
export const ROOMS: Rooms = {
  'commands/doctor': ['commands'],
  'commands/subscribers': ['commands'],
  database: ['database/embedded', 'database/migrations'],
  delivery: ['delivery/provider', 'delivery/provider/resend', 'delivery/provider/smtp'],
  'delivery/account': ['delivery', 'delivery/provider', 'delivery/sending'],
  'delivery/alarm': ['delivery/bounce', 'delivery/sending'],
  'delivery/bounce': ['delivery/feedback', 'delivery/provider'],
  'delivery/feedback': ['delivery/notice', 'delivery/provider', 'delivery/sending'],
  'delivery/notice': ['delivery', 'delivery/pace', 'delivery/provider', 'delivery/sending'],
  'delivery/planning': ['delivery', 'delivery/sending'],
  'delivery/provider': ['delivery/pace'],
  'delivery/provider/resend': ['delivery/pace', 'delivery/provider'],
  'delivery/provider/smtp': ['delivery/provider'],
  'delivery/request': ['delivery/notice', 'delivery/sending'],
  'delivery/restoring': ['delivery/provider', 'delivery/sending', 'delivery/witness'],
  'delivery/sending': ['delivery', 'delivery/pace', 'delivery/provider', 'delivery/witness'],
  'delivery/witness': ['delivery/provider'],
  digest: [
    'digest/choosing',
    'digest/joining',
    'digest/piece',
    'digest/sentence',
    'digest/template',
    'digest/text',
    'digest/topics',
  ],
  'digest/choosing': ['digest/piece', 'digest/text', 'digest/topics'],
  'digest/joining': ['digest/choosing', 'digest/piece', 'digest/template', 'digest/text'],
  'digest/piece': ['digest/template', 'digest/text'],
  'digest/sentence': ['digest/text'],
  'digest/template': ['digest/text'],
  'digest/topics': ['digest/template'],
  jobs: ['jobs/queue'],
  'subscriber/journal': ['subscriber'],
  'subscriber/list': ['subscriber'],
  web: [
    'web/editions',
    'web/operator',
    'web/outbox',
    'web/page',
    'web/reader',
    'web/reader/preferences',
    'web/sign-up',
    'web/visit',
  ],
  'web/editions': ['web/page'],
  'web/outbox': ['web/page'],
  'web/preview': ['web/page'],
  'web/reader': ['web/editions', 'web/page', 'web/reader/preferences', 'web/visit'],
  'web/reader/preferences': ['web/page', 'web/visit'],
  'web/sign-up': ['web/editions', 'web/page', 'web/visit'],
  'web/visit': ['web/page'],
}

export type Rooms = Record<string, readonly string[]>

/** Where a package may be imported; a package not listed may be imported anywhere. */
const HOMES: { packages: RegExp; name?: string; home: RegExp }[] = [
  { packages: /^bullmq$/, home: /^src\/jobs\/queue\// },
  { packages: /^ioredis$/, home: /^src\/(jobs\/queue\/|database\/redis-beside\.ts$)/ },
  { packages: /^resend$/, home: /^src\/delivery\// },
  { packages: /^standardwebhooks$/, home: /^src\/delivery\/(provider\/resend|alarm)\// },
  // Pieces are stored in the encoding in which they leave: its encoder is all that they take of
  // nodemailer.
  { packages: /^nodemailer$/, home: /^src\/(delivery\/|digest\/piece\/piece\.ts$)/ },
  { packages: /^(imapflow|mailparser)$/, home: /^src\/delivery\/bounce\// },
  { packages: /^mjml$/, home: /^src\/digest\/(rendering\.ts$|template\/)/ },
  { packages: /^(hono|@hono\/.+)$/, home: /^src\/web\// },
  { packages: /^(rate-limiter-flexible|altcha-lib)$/, home: /^src\/web\// },
  { packages: /^(@clack\/prompts|commander)$/, home: /^src\/(commands\/|cli\.ts$)/ },
  { packages: /^@electric-sql\/.+$/, home: /^src\/database\// },
  { packages: /^kysely$/, name: 'Migrator', home: /^src\/database\/migrate\.ts$/ },
]

/** What we take of a library's insides, and the test that fails once it is something else. */
const INSIDES: Record<string, string> = {
  'nodemailer/lib/mime-node': 'test/delivery/provider/message.test.ts',
  'nodemailer/lib/qp': 'test/digest/joining/joining.test.ts',
  'nodemailer/lib/smtp-pool': 'test/delivery/provider/smtp/smtp.test.ts',
  'unicodeit/ts_dist/js/data.js': 'test/digest/text/latex.test.ts',
}
/** A folder of the library's own; `hono/cookie` is a door that its makers opened. */
const INSIDE = /\/(lib|\w*dist)\//

const STORE_FUNCTION = /^(find|get|list|insert|ensure|claim|mark|prune|is)[A-Z]/
const EMPTY_NAMES = /^(util|helper|common|type|service|manager)s?$/
/** Past this a file wants a split, or a reason in its head: a line that begins so. */
const LINES_MAX = 350
const REASON = /^\/\/ Long because /m
const MEDIAN_LINES = { min: 40, max: 120 }
/** Where comments wrap. */
const COMMENT_COLUMNS = 100
/** Tests of no single source file. */
const TESTS_OF_THE_WHOLE =
  /^test\/(support|crash|bench|browser)\/|^test\/(architecture|changelog|contributing|deployment|docs|operating|package|statements|commands\/hosts-day|digest\/structure|delivery\/(never-twice|in-flight|sending\/(machine|seeded))|jobs\/processes|web\/operator\/alerting|web\/reader\/preferences\/every)\.test\.ts$/

/**
 * Reports imports against the one-way order, leaves that import more than leaves, and files that
 * have no place in the order.
 */
export function findWrongDirections(modules: readonly Module[]): string[] {
  return modules.flatMap((module) => {
    const own = layerOf(module.path)
    if (own === undefined) return [`${module.path} belongs to no layer: ${[...LAYERS, ...LEAVES].join(', ')}`]
    return module.imports.flatMap(({ file, from }) => {
      if (file === undefined) return []
      const other = layerOf(file)
      if (other !== undefined && LEAVES.includes(other)) return []
      if (LEAVES.includes(own)) return [`${module.path} imports ${from}: a leaf may import leaves only`]
      if (other === undefined) return [`${module.path} imports ${from}, which belongs to no layer`]
      if (LAYERS.indexOf(other) <= LAYERS.indexOf(own)) return []
      return [`${module.path} imports ${from}: ${own} stands before ${other}`]
    })
  })
}

/** Reports each circle of imports once, type imports included. */
export function findCircles(modules: readonly Module[]): string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, trail: string[]): void => {
    const seenAt = trail.indexOf(path)
    if (seenAt >= 0) circles.push([...trail.slice(seenAt), path].join(' imports '))
    if (seenAt >= 0 || done.has(path)) return
    for (const { file } of byPath.get(path)?.imports ?? []) if (file) walk(file, [...trail, path])
    done.add(path)
  }
  for (const { path } of modules) walk(path, [])
  return circles
}

/**
 * Reports imports between rooms of one hall that are not on the list, entries of the list that
 * nobody uses, and circles in it.
 */
export function findWrongRooms(modules: readonly Module[], rooms: Rooms = ROOMS): string[] {
  const used = new Set<string>()
  const strays = eachImport(modules, (module, { from, file }) => {
    const [own, other] = [roomOf(module.path), file === undefined ? undefined : roomOf(file)]
    if (own === undefined || other === undefined || own === other || hallOf(own) !== hallOf(other)) return undefined
    used.add(`${own} → ${other}`)
    if (rooms[own]?.includes(other)) return undefined
    return `${module.path} imports ${from}: ${own} may not import ${other}`
  })
  const listed = Object.entries(rooms).flatMap(([room, others]) => others.map((other) => `${room} → ${other}`))
  const idle = listed.filter((entry) => !used.has(entry)).map((entry) => `${entry} is listed and used by nobody`)
  return [...strays, ...idle, ...findRoomCircles(rooms)]
}

function findRoomCircles(rooms: Rooms): string[] {
  const circles: string[] = []
  const done = new Set<string>()
  const walk = (room: string, trail: readonly string[]): void => {
    if (trail.includes(room)) circles.push(`${[...trail.slice(trail.indexOf(room)), room].join(' → ')} is a circle`)
    if (trail.includes(room) || done.has(room)) return
    for (const other of rooms[room] ?? []) walk(other, [...trail, room])
    done.add(room)
  }
  for (const room of Object.keys(rooms)) walk(room, [])
  return circles
}

/** The folder of a file below src/; undefined for what stands at its root. */
function roomOf(path: string): string | undefined {
  return /^src\/(.+)\/[^/]+$/.exec(path)?.[1]
}

function hallOf(room: string): string {
  return room.split('/')[0] as string
}

/** Reports packages imported outside their home. */
export function findStrayPackages(modules: readonly Module[]): string[] {
  return eachImport(modules, (module, { from, file, names }) => {
    const home = HOMES.find(
      ({ packages, name }) => packages.test(packageOf(from)) && (name === undefined || names.includes(name)),
    )
    if (file !== undefined || home === undefined || home.home.test(module.path)) return undefined
    return `${module.path} imports ${home.name ? `${home.name} from ` : ''}${from}, which belongs in ${home.home.source}`
  })
}

/** Reports imports from the insides of a package that no test is named for. */
export function findUnheldInsides(modules: readonly Module[], paths: readonly string[]): string[] {
  return eachImport(modules, (module, { from, file }) => {
    const test = INSIDES[from]
    if (file !== undefined || !INSIDE.test(from)) return undefined
    if (test !== undefined && paths.includes(test)) return undefined
    return `${module.path} imports ${from}: name the test that fails once it is something else`
  })
}

/** Reports packages that came along with others, and may go with them. */
export function findUndeclaredPackages(modules: readonly Module[], dependencies: readonly string[]): string[] {
  return eachImport(modules, (module, { from, file }) =>
    file !== undefined || isBuiltin(from) || dependencies.includes(packageOf(from))
      ? undefined
      : `${module.path} imports ${from}, which is not among the dependencies`,
  )
}

/**
 * Reports Node's own modules without `node:`, relative imports without their ending, and paths from
 * nowhere.
 */
export function findUnclearSpecifiers(modules: readonly Module[]): string[] {
  return eachImport(modules, (module, { from, file }) => {
    if (isBuiltin(from) && !from.startsWith('node:')) return `${module.path} imports ${from}: write node:${from}`
    if (file !== undefined && !/\.(ts|json)$/.test(from)) return `${module.path} imports ${from}: write the ending, .ts`
    if (/^[/#~]/.test(from)) return `${module.path} imports ${from}: write a relative path`
    return undefined
  })
}

/** Reports reads of the environment anywhere but in the one reader. */
export function findEnvironmentReaders(modules: readonly Module[]): string[] {
  return modules
    .filter(({ path, readsEnvironment }) => readsEnvironment && path !== 'src/config.ts')
    .map(({ path }) => `${path} reads process.env: only src/config.ts may`)
}

/**
 * Reports exported store functions outside the closed list of verbs, or without the database first.
 */
export function findOddStoreFunctions(modules: readonly Module[]): string[] {
  return modules
    .filter(({ path }) => path.endsWith('/store.ts'))
    .flatMap(({ path, functions }) =>
      functions.flatMap(({ name, firstParameter }) => [
        ...(STORE_FUNCTION.test(name) ? [] : [`${path} exports ${name}: its verb is none of a store's`]),
        ...(firstParameter === 'db' || firstParameter === 'trx'
          ? []
          : [`${path} exports ${name} without db or trx first`]),
      ]),
    )
}

/** Reports files and folders whose name says nothing of what is inside. */
export function findEmptyNames(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const word = path.split(/[/.-]/).find((part) => EMPTY_NAMES.test(part))
    return word === undefined ? [] : [`${path} is called "${word}": name it after what it holds`]
  })
}

/** Reports comments that send the reader to a source file that is not there. */
export function findLostMentions(modules: readonly Module[], paths: readonly string[]): string[] {
  return modules.flatMap(({ path, comments }) =>
    comments.flatMap(({ line, text }) =>
      [...text.matchAll(/(?<![\w/.-])(?:[\w-]+\/)*[\w-]+\.ts\b/g)]
        .filter(([name]) => !paths.some((each) => `/${each}`.endsWith(`/${name}`)))
        .map(([name]) => `${path}:${line} speaks of ${name}, which does not exist`),
    ),
  )
}

/** Reports comments that go past the column at which they wrap. */
export function findWideComments(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path, comments }) =>
    comments
      .filter(({ columns }) => columns > COMMENT_COLUMNS)
      .map(({ line, columns }) => `${path}:${line} is a comment of ${columns} columns: it wraps at ${COMMENT_COLUMNS}`),
  )
}

/** Reports files that grew too long, and a median outside what reads well. */
export function findLongFiles(modules: readonly Module[]): string[] {
  const measured = modules.filter(({ path }) => !path.startsWith('src/source/sample'))
  const lengths = measured.map(({ lines }) => lines).sort((a, b) => a - b)
  const median = lengths[Math.floor(lengths.length / 2)] ?? MEDIAN_LINES.min
  const long = measured
    .filter(({ lines, head }) => lines > LINES_MAX && !REASON.test(head))
    .map(({ path, lines }) => `${path} has ${lines} lines: over ${LINES_MAX} needs a reason in its head`)
  if (median >= MEDIAN_LINES.min && median <= MEDIAN_LINES.max) return long
  return [...long, `the median file has ${median} lines: between ${MEDIAN_LINES.min} and ${MEDIAN_LINES.max}`]
}

/** Reports tests that stand where no source file stands. */
export function findHomelessTests(paths: readonly string[]): string[] {
  return paths
    .filter((path) => path.endsWith('.test.ts') && path.startsWith('test/') && !TESTS_OF_THE_WHOLE.test(path))
    .map((path) => ({ path, tested: path.replace(/^test\//, 'src/').replace(/\.test\.ts$/, '.ts') }))
    .filter(({ tested }) => !paths.includes(tested))
    .map(({ path, tested }) => `${path} tests nothing of its place: there is no ${tested}`)
}

function layerOf(path: string): string | undefined {
  const name = /^src\/([^/.]+)(\/|\.ts$)/.exec(path)?.[1]
  return name !== undefined && (LAYERS.includes(name) || LEAVES.includes(name)) ? name : undefined
}

/** The package that a specifier names: `@scope/name/part` belongs to `@scope/name`. */
function packageOf(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

function eachImport(
  modules: readonly Module[],
  judge: (module: Module, found: Import) => string | undefined,
): string[] {
  return modules.flatMap((module) => module.imports.flatMap((found) => judge(module, found) ?? []))
}
