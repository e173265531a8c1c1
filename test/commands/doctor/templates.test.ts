import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { judgeTemplates } from '../../../src/commands/doctor/templates.ts'

let templatesDir: string
beforeEach(async () => {
  templatesDir = await mkdtemp(join(tmpdir(), 'paper-round-templates-'))
})
afterEach(() => rm(templatesDir, { recursive: true }))

async function judge(files: Record<string, string>): Promise<string[]> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(templatesDir, name)), { recursive: true })
    await writeFile(join(templatesDir, name), content)
  }
  const found = await judgeTemplates({ templatesDir, publicUrl: 'https://papers.example' })
  return found.map(({ state, says, remedy }) => [state, says, ...(remedy ? [remedy] : [])].join(' | '))
}

it('has nothing to say where a start has nothing either', async () => {
  const files = { 'theme.json': '{"name":"Group"}', 'pages/style.css': '', 'README.md': '', 'logo.png': '' }
  expect(await judge(files)).toEqual(['ok | all templates are there and can be read'])
})

it('compiles mails, report and pages as a start does, each on one line', async () => {
  const files = { 'pages/front.hbs': '\n{{#if x}}', 'digest.txt': '{{#each a}}\n{{/if}}', 'report.txt': '\n{{ x' }
  expect(await judge(files)).toEqual([
    'error | digest.txt line 1: {{#each}} is closed by {{/if}} | see TEMPLATES_DIR',
    expect.stringMatching(/^error \| report\.txt line 2: Handlebars cannot read this: \S+ x \|/),
    'error | pages/front.hbs line 2: {{#if}} is not closed | see TEMPLATES_DIR',
  ])
})

it('tells what is wrong with the theme, the topics and a mail at once', async () => {
  const files = { 'theme.json': '{"nam":1}', 'topics.json': '[', 'digest.mjml': '\n<mjml', 'report.txt': '\n{{ x' }
  const found = await judge(files)
  for (const name of Object.keys(files)) expect(found.filter((line) => line.includes(name))).toHaveLength(1)
})

it('tells of files that change nothing, with the name that was meant', async () => {
  const files = { 'Theme.json': '', 'topic.json': '', 'diggest.mjml': '', 'front.hbs': '', 'pages/other.hbs': '' }
  expect(await judge(files)).toEqual([
    'warning | no template is called Theme.json: it changes nothing | name it theme.json',
    'warning | no template is called diggest.mjml: it changes nothing | name it digest.mjml',
    'warning | no template is called front.hbs: it changes nothing | name it pages/front.hbs',
    expect.stringMatching(/^warning \| no template is called pages\/other\.hbs: it changes nothing \| take it out/),
    'warning | no template is called topic.json: it changes nothing | name it topics.json',
  ])
})
