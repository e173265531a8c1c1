// Whether a start can use the templates: mails and pages are compiled as it does, and a host's file
// whose name no template has is told, as it changes nothing.
import { readdirSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { Config } from '../../config.ts'
import { TEMPLATES_DIR } from '../../digest/template/files.ts'
import { readTheme } from '../../digest/template/theme.ts'
import { readTopics } from '../../digest/topics/topics.ts'
import { describeError, type Finding } from '../../errors.ts'
import { distance } from '../settings.ts'

/** What a host may have and the project has not. */
const HOSTS_OWN = ['topics.json']
/** Earlier forms of the project's own, which no host's stands in for. */
const EARLIER = /^version-\d+\//
/** Mistyped in so many letters at most. */
const NEAR = 2
const REMEDY = 'see TEMPLATES_DIR'

/**
 * Returns every problem: a mistake in the theme or the topics hides none in a mail, and one in a
 * mail none in a page.
 */
export async function judgeTemplates({
  templatesDir,
  publicUrl,
}: Pick<Config, 'templatesDir' | 'publicUrl'>): Promise<Finding[]> {
  const problems = new Set<string>()
  const look = async <T>(use: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await use()
    } catch (error) {
      for (const line of describeError(error).split('\n')) problems.add(line)
      return undefined
    }
  }
  await look(async () => {
    const { openTemplates } = await import('../../digest/rendering.ts')
    const theme = (await look(() => readTheme(templatesDir))) ?? readTheme()
    const topics = (await look(() => readTopics(templatesDir))) ?? readTopics()
    const { templates, reportTemplate } = openTemplates(templatesDir, { theme, topics })
    await look(templates)
    await look(reportTemplate)
  })
  await look(async () => {
    // Each page is defined beside its handler.
    await import('../../web/app.ts')
    const { openPages } = await import('../../web/page/pages.ts')
    openPages({ publicUrl, templatesDir })
  })
  const errors = [...problems].map((says): Finding => ({ state: 'error', says, remedy: REMEDY }))
  const strays = templatesDir === undefined ? [] : judgeNames(listFiles(templatesDir))
  const found = [...errors, ...strays]
  return found.length > 0 ? found : [{ state: 'ok', says: 'all templates are there and can be read' }]
}

function judgeNames(names: readonly string[]): Finding[] {
  const known = [...listFiles(TEMPLATES_DIR).filter((name) => !EARLIER.test(name)), ...HOSTS_OWN]
  const kinds = new Set(known.map(extname))
  return names.flatMap((name): Finding[] => {
    if (known.includes(name)) return []
    const apart = (other: string) => distance(name.toLowerCase(), other)
    // A page beside the folder of pages is mistyped as well.
    const near = known.find((other) => basename(other) === name || apart(other) <= NEAR)
    const isOfAKind = kinds.has(extname(name)) && !basename(name).startsWith('.')
    if (near === undefined && !isOfAKind) return []
    return [
      {
        state: 'warning',
        says: `no template is called ${name}: it changes nothing`,
        remedy: near === undefined ? 'take it out, or see templates/ for the names that there are' : `name it ${near}`,
      },
    ]
  })
}

/** Lists files by their path within a folder, none where there is no such folder. */
function listFiles(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries
      .flatMap((entry) =>
        entry.isDirectory()
          ? readdirSync(`${folder}/${entry.name}`).map((name) => `${entry.name}/${name}`)
          : entry.name,
      )
      .sort()
  } catch {
    // Whoever reads the templates has said why.
    return []
  }
}
