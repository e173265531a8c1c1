// Holds the source to its shape by reading what the files really import. Each rule is shown to bite
// first.
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { BUNDLED } from '../dev/build.ts'
import packageJson from '../package.json' with { type: 'json' }
import { type Files, type Module, parseModules, readFiles } from './support/imports.ts'
import {
  findCircles,
  findEmptyNames,
  findEnvironmentReaders,
  findHomelessTests,
  findLongFiles,
  findLostMentions,
  findOddStoreFunctions,
  findStrayPackages,
  findUnclearSpecifiers,
  findUndeclaredPackages,
  findUnheldInsides,
  findWideComments,
  findWrongDirections,
  findWrongRooms,
  LAYERS,
  ROOMS,
  type Rooms,
} from './support/rules.ts'
import {
  findBoundFragments,
  findBuiltJoins,
  findForeignClocks,
  findHiddenStatements,
  findMixedStatements,
} from './support/statements/style.ts'
import { findClimbs, followWay } from './support/way.ts'

interface Project {
  files: Files
  paths: string[]
  modules: Module[]
  /** The modules under src/. */
  source: Module[]
  rooms: Rooms
}

interface Rule {
  name: string
  find(project: Project): string[]
  /** Files that break the rule, each with words of the sentence that it must draw. */
  broken: [files: Files, words: RegExp][]
  /** Files that only look as if they broke it. */
  sound: Files
}

/** The rooms of the files below that break or keep a rule. */
const PLAN: Rooms = { 'web/reader': ['web/page'] }

function projectOf(files: Files, rooms = PLAN): Project {
  const modules = parseModules(files)
  const source = modules.filter(({ path }) => path.startsWith('src/'))
  return { files, paths: Object.keys(files), modules, source, rooms }
}

const lines = (count: number) => 'export {}\n'.repeat(count)

const rules: Rule[] = [
  {
    name: 'imports point one way',
    find: ({ source }) => findWrongDirections(source),
    broken: [
      [{ 'src/source/store.ts': "import { a } from '../edition/edition.ts'" }, /source stands before edition/],
      [{ 'src/digest/text.ts': "import { type A } from '../jobs/queue.ts'" }, /digest stands before jobs/],
      [{ 'src/web/app.ts': "export * from '../main.ts'" }, /web stands before main/],
      [{ 'src/main.ts': "const a = await import('./commands/send.ts')" }, /main stands before commands/],
      [{ 'src/errors.ts': "import { sql } from './database/client.ts'" }, /leaf may import leaves only/],
      [{ 'src/lib/text.ts': '' }, /src\/lib\/text.ts belongs to no layer/],
      [{ 'src/cli.ts': "import { a } from './lib/a.ts'" }, /imports .\/lib\/a.ts, which belongs to no layer/],
    ],
    sound: {
      'src/web/app.ts': "import { a } from '../database/client.ts'\nimport { b } from './pages.ts'",
      'src/config.ts': "import { UsageError } from './errors.ts'",
      'src/database/client.ts': "import { describeError } from '../errors.ts'\n// import x from '../cli.ts'",
    },
  },
  {
    name: 'no circle of imports',
    find: ({ source }) => findCircles(source),
    broken: [
      [
        {
          'src/digest/a.ts': "import { b } from './b.ts'",
          'src/digest/b.ts': "import { c } from './c.ts'",
          'src/digest/c.ts': "import type { A } from './a.ts'",
        },
        /a\.ts imports src\/digest\/b\.ts imports src\/digest\/c\.ts imports src\/digest\/a\.ts/,
      ],
      [{ 'src/digest/a.ts': "type A = import('./a.ts').A" }, /a\.ts imports src\/digest\/a\.ts/],
    ],
    sound: {
      'src/digest/a.ts': "import './b.ts'\nimport './c.ts'",
      'src/digest/b.ts': "import './c.ts'",
      'src/digest/c.ts': '',
    },
  },
  {
    name: 'rooms of a hall import one another as listed',
    find: ({ source, rooms }) => findWrongRooms(source, rooms),
    broken: [
      [{ 'src/web/page/a.ts': "import { b } from '../reader/b.ts'" }, /web\/page may not import web\/reader/],
      [{ 'src/web/page/a.ts': "import { b } from '../b.ts'" }, /web\/page may not import web$/m],
      [{ 'src/web/page/a.ts': "export type A = import('../door/a.ts').A" }, /may not import web\/door/],
      [{ 'src/web/reader/a.ts': '' }, /web\/reader → web\/page is listed and used by nobody/],
    ],
    sound: {
      'src/web/reader/a.ts': "import { b } from '../page/b.ts'\nimport { c } from '../../digest/text/c.ts'",
      'src/web/page/b.ts': "import { d } from './d.ts'",
    },
  },
  {
    name: 'packages stay at home',
    find: ({ source }) => findStrayPackages(source),
    broken: [
      [{ 'src/jobs/tick.ts': "import { Queue } from 'bullmq'" }, /tick.ts imports bullmq/],
      [{ 'src/main.ts': "import type { Redis } from 'ioredis'" }, /main.ts imports ioredis/],
      [{ 'src/web/webhook.ts': "import { Resend } from 'resend'" }, /webhook.ts imports resend/],
      [{ 'src/subscriber/store.ts': "import { R } from 'rate-limiter-flexible'" }, /imports rate-limiter-flexible/],
      [{ 'src/digest/joining/joining.ts': "import mjml2html from 'mjml'" }, /joining.ts imports mjml/],
      [{ 'src/main.ts': "import { serve } from '@hono/node-server'" }, /main.ts imports @hono\/node-server/],
      [{ 'src/digest/text.ts': "import M from 'nodemailer/lib/mime-node'" }, /imports nodemailer\/lib\/mime-node/],
      [{ 'src/jobs/rank.ts': "import { log } from '@clack/prompts'" }, /rank.ts imports @clack\/prompts/],
      [{ 'src/main.ts': "import { Command } from 'commander'" }, /main.ts imports commander/],
      [{ 'src/main.ts': "import { PGlite } from '@electric-sql/pglite'" }, /main.ts imports @electric-sql\/pglite/],
      [{ 'src/main.ts': "import { Migrator as M } from 'kysely'" }, /imports Migrator from kysely/],
    ],
    sound: {
      'src/jobs/queue/backend.ts': "import { Queue } from 'bullmq'",
      'src/digest/template/frame.ts': "import mjml2html from 'mjml'",
      'src/database/migrate.ts': "import { Migrator } from 'kysely'",
      'src/jobs/tick.ts': "import { sql } from 'kysely'",
      'src/cli.ts': "import { Command } from 'commander'",
    },
  },
  {
    name: 'the source imports packages that are bundled or installed',
    find: ({ source }) => findUndeclaredPackages(source, [...Object.keys(packageJson.dependencies), ...BUNDLED]),
    broken: [
      [{ 'src/main.ts': "import { it } from 'vitest'" }, /vitest, which is not among/],
      [{ 'src/main.ts': "import type { A } from 'fast-check'" }, /fast-check, which is not among/],
    ],
    sound: { 'src/main.ts': "import pg from 'pg'\nimport { join } from 'node:path'\nimport './config.ts'" },
  },
  {
    name: 'imports say what they are: node: for builtins, .ts for files',
    find: ({ modules }) => findUnclearSpecifiers(modules),
    broken: [
      [{ 'src/main.ts': "import { join } from 'path'" }, /write node:path/],
      [{ 'test/main.test.ts': "import { readFile } from 'fs/promises'" }, /write node:fs\/promises/],
      [{ 'src/main.ts': "import { a } from './config'" }, /write the ending/],
      [{ 'src/main.ts': "import { a } from './config.js'" }, /write the ending/],
      [{ 'src/main.ts': "import { a } from '#config'" }, /write a relative path/],
    ],
    sound: { 'src/main.ts': "import { test } from 'node:test'\nimport a from '../package.json' with { type: 'json' }" },
  },
  {
    name: 'one reader of the environment',
    find: ({ source }) => findEnvironmentReaders(source),
    broken: [
      [{ 'src/main.ts': 'const port = process.env.PORT' }, /main.ts reads process.env/],
      [{ 'src/main.ts': "const env = process['env']" }, /main.ts reads/],
      [{ 'src/main.ts': 'const { argv, env: all } = process' }, /main.ts reads/],
      [{ 'src/main.ts': "import { env } from 'node:process'" }, /main.ts reads/],
      [{ 'src/main.ts': 'const env = globalThis.process.env' }, /main.ts reads/],
    ],
    sound: {
      'src/config.ts': 'const port = process.env.PORT',
      'src/main.ts': "const { argv } = process\nconst help = 'reads process.env' // process.env",
    },
  },
  {
    name: 'stores speak a closed list of verbs, the database first',
    find: ({ source }) => findOddStoreFunctions(source),
    broken: [
      [{ 'src/edition/store.ts': 'export async function saveEdition(db: A) {}' }, /saveEdition: its verb/],
      [{ 'src/edition/store.ts': 'export const finding = (db: A) => db' }, /finding: its verb/],
      [{ 'src/edition/store.ts': 'export function findEdition(id: number, db: A) {}' }, /findEdition without db/],
      [{ 'src/edition/store.ts': 'export function listEditions() {}' }, /listEditions without db/],
    ],
    sound: {
      'src/edition/store.ts': 'export function claimEdition(trx: A, id: number) {}\nfunction toEdition(row: A) {}',
      'src/edition/ranking.ts': 'export function rankPapers(papers: A[]) {}',
    },
  },
  {
    name: 'names say what is inside',
    find: ({ paths }) => findEmptyNames(paths),
    broken: [
      [{ 'src/web/utils.ts': '' }, /called "utils"/],
      [{ 'src/common/text.ts': '' }, /called "common"/],
      [{ 'test/support/mail-helper.ts': '' }, /called "helper"/],
      [{ 'src/delivery/types.ts': '' }, /called "types"/],
      [{ 'src/subscriber/subscriber.service.ts': '' }, /called "service"/],
    ],
    sound: { 'src/digest/typesetting.ts': '', 'src/web/uncommon.ts': '' },
  },
  {
    name: 'files stay short',
    find: ({ source }) => findLongFiles(source),
    broken: [
      [{ 'src/a.ts': lines(351), 'src/b.ts': lines(60), 'src/c.ts': lines(60) }, /src\/a.ts has 351 lines/],
      [{ 'src/a.ts': lines(10), 'src/b.ts': lines(10), 'src/c.ts': lines(200) }, /median file has 10 lines/],
      [{ 'src/a.ts': lines(240), 'src/b.ts': lines(160) }, /median file has 240 lines/],
    ],
    sound: {
      'src/a.ts': lines(350),
      'src/b.ts': lines(40),
      'src/c.ts': '',
      'src/d.ts': `// A table.\n// Long because it is read as a whole.\n${lines(400)}`,
      'src/e.ts': lines(60),
      'src/source/sample.ts': lines(900),
    },
  },
  {
    name: 'comments name files that are there',
    find: ({ modules, paths }) => findLostMentions(modules, paths),
    broken: [
      [{ 'src/a.ts': '// What follows is in b.ts.' }, /src\/a\.ts:1 speaks of b\.ts/],
      [{ 'src/a.ts': '', 'test/a.ts': '/**\n * See web/a.ts.\n */' }, /test\/a\.ts:2 speaks of web\/a\.ts/],
    ],
    sound: { 'src/web/a.ts': '// As in web/a.ts and a.ts, not in templates/pages/a.hbs.\nconst b = "b.ts"' },
  },
  {
    name: 'comments wrap where they can be read',
    find: ({ modules }) => findWideComments(modules),
    broken: [
      [{ 'src/a.ts': `\n// ${'word '.repeat(20)}` }, /src\/a.ts:2 is a comment of 103 columns/],
      [{ 'test/a.ts': `/** ${'w'.repeat(100)} */` }, /test\/a.ts:1 is a comment of 107 columns/],
      [{ 'src/a.ts': `/**\n * ${'w'.repeat(98)}\n */` }, /src\/a.ts:2/],
    ],
    sound: { 'src/a.ts': `// ${'w'.repeat(97)}\nconst a = '${'w'.repeat(100)}'` },
  },
  {
    name: 'a test holds what is taken of the insides of a library',
    find: ({ source, paths }) => findUnheldInsides(source, paths),
    broken: [
      [{ 'src/digest/text.ts': "import M from 'nodemailer/lib/mailer'" }, /imports nodemailer\/lib\/mailer: name/],
      [{ 'src/digest/piece/piece.ts': "import { encode } from 'nodemailer/lib/qp'" }, /imports nodemailer\/lib\/qp/],
    ],
    sound: {
      'src/digest/piece/piece.ts': "import { encode } from 'nodemailer/lib/qp'\nimport { z } from 'hono/cookie'",
      'test/digest/joining/joining.test.ts': '',
    },
  },
  {
    name: 'one function builds its statements or writes them',
    find: ({ files }) => [...findMixedStatements(files), ...findBuiltJoins(files)],
    broken: [
      [
        {
          'src/edition/store.ts':
            "import { sql } from 'kysely'\nasync function mark(trx: A) {\n  await trx.deleteFrom('a').execute()\n  await sql`delete from b`.execute(trx)\n}",
        },
        /store.ts:2 mark builds a statement and writes another/,
      ],
      [
        { 'src/a.ts': "import { K } from 'kysely'\nconst f = (db: K) => db.selectFrom('a').leftJoin('b', 'c', 'd')" },
        /a.ts:2 f joins tables by the builder/,
      ],
    ],
    sound: {
      'src/a.ts':
        "import { sql } from 'kysely'\nconst f = (db: A) => db.updateTable('a').set({ b: sql`now()` }).execute()\nconst g = (db: A) => sql`delete from a`.execute(db)",
      'src/b.ts': "import { type K } from 'kysely'\nconst f = (list: string[]) => list.join()",
    },
  },
  {
    name: 'a statement is executed where it is written',
    find: ({ files }) => findHiddenStatements(files),
    broken: [
      [
        { 'src/a.ts': "import { sql } from 'kysely'\nconst q = sql<A>`select 1`\nconst f = (db: B) => q.execute(db)" },
        /a.ts:3 executes SQL that is written elsewhere/,
      ],
    ],
    sound: {
      'src/a.ts':
        "import { sql } from 'kysely'\nconst f = (db: A) => db.transaction().execute((trx) => sql`select 1`.execute(trx))",
    },
  },
  {
    name: "statements ask the program's own clock",
    find: ({ files }) => findForeignClocks(files),
    broken: [
      [
        { 'src/a.ts': "import { sql } from 'kysely'\nconst isLate = sql`e.late_at < now()`" },
        /a.ts:2 isLate asks now\(\): ask round_now\(\) or round_clock\(\)/,
      ],
      [
        { 'src/a.ts': "import { sql } from 'kysely'\nconst at = sql`Clock_Timestamp()`" },
        /at asks Clock_Timestamp\(\)/,
      ],
      [{ 'src/a.ts': "import { sql } from 'kysely'\nconst day = sql`current_date + 1`" }, /day asks current_date/],
    ],
    sound: {
      'src/a.ts':
        "import { sql } from 'kysely'\nconst isLate = sql`round_now() > round_clock() or e.known()`\nDate.now()",
      'src/database/migrations/001-initial.ts': "import { sql } from 'kysely'\nconst at = sql`default now()`",
    },
  },
  {
    name: 'fragments take their alias as an argument',
    find: ({ files }) => findBoundFragments(files),
    broken: [
      [
        { 'src/a.ts': "import { sql } from 'kysely'\nconst isOpen = sql`e.state = 'open'`" },
        /a.ts:2 isOpen counts on an alias e/,
      ],
      [
        {
          'src/a.ts':
            "import { sql } from 'kysely'\nfunction has() {\n  return sql`exists (select from a where a.id = u.id)`\n}",
        },
        /has counts on an alias u/,
      ],
    ],
    sound: {
      'src/a.ts': `import { sql } from 'kysely'\nconst has = (u: string) => sql\`exists (select from a join b c on c.id = a.id and c.d = \${u}.d and x('pg.english'))\``,
    },
  },
  {
    name: 'tests stand where their source stands',
    find: ({ paths }) => findHomelessTests(paths),
    broken: [[{ 'test/web/app.test.ts': '', 'src/web/pages.ts': '' }, /there is no src\/web\/app.ts/]],
    sound: {
      'test/web/app.test.ts': '',
      'src/web/app.ts': '',
      'test/support/stores.ts': '',
      'test/crash/kill.test.ts': '',
    },
  },
]

const root = fileURLToPath(new URL('..', import.meta.url))
const project = projectOf(readFiles(root, ['src', 'test']), ROOMS)

describe.each(rules)('$name', ({ find, broken, sound }) => {
  it.each(broken)('bites: %j', (wrong, words) => {
    expect(find(projectOf(wrong)).join('\n')).toMatch(words)
  })

  it('leaves sound files alone', () => {
    expect(find(projectOf(sound))).toEqual([])
  })

  it('holds in this project', () => {
    expect(project.source.length).toBeGreaterThan(20)
    expect(find(project)).toEqual([])
  })
})

it('bites where the list of rooms goes round in a circle', () => {
  const files = { 'src/a/b/x.ts': "import '../c/y.ts'", 'src/a/c/y.ts': "import '../b/z.ts'", 'src/a/b/z.ts': '' }
  const { source } = projectOf(files)
  expect(findWrongRooms(source, { 'a/b': ['a/c'], 'a/c': ['a/b'] })).toEqual(['a/b → a/c → a/b is a circle'])
})

describe('the way of a batch', () => {
  it('through dispatch climbs back up at most eight times', () => {
    const stays = followWay(project.files, 'src/jobs/dispatch.ts', 'dispatch')
    expect(new Set(stays).size).toBeGreaterThan(15)
    expect(stays).toContain('src/delivery/sending/once.ts')
    expect(findClimbs(stays, LAYERS).length).toBeLessThanOrEqual(8)
  })

  it('is followed where it is handed on, and nowhere else', () => {
    const files = {
      'src/jobs/a.ts': `import { b, c as other } from '../delivery/b.ts'
        export async function a({ db }: Round, id: number) {
          const batch = await b(db, id)
          for (const member of batch.members) other(member)
          own('nothing of it')
          late(() => batch)
        }
        const late = (make: () => unknown) => idle(make)
        function own(word: string) { b(word) }`,
      'src/delivery/b.ts': `import { d } from '../database/d.ts'
        export function b(db: Db, id: number) { return sql\`\${d(id)}\`.execute(db) }
        export const c = (member: Member) => d(member.id)`,
      'src/database/d.ts': 'export const d = (id: number) => id',
    }
    const stays = followWay(files, 'src/jobs/a.ts', 'a')
    expect(stays).toEqual(['src/jobs/a.ts', 'src/delivery/b.ts', 'src/database/d.ts', 'src/jobs/a.ts'])
    expect(findClimbs(stays, LAYERS)).toEqual(['src/jobs/a.ts'])
  })
})
