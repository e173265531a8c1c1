// A template cut into the parts that pieces are filled from. Values are always escaped; a template
// that asks for raw ones is refused.
import Handlebars from 'handlebars'
import { describeError, PermanentError } from '../../errors.ts'
import { lineOf, wrapText } from '../text/text.ts'

/** The parts of a digest, in the order in which they stand in its template. */
export const DIGEST_PARTS = [
  'head',
  'lead',
  'trends',
  'contents',
  'item',
  'contentsEnd',
  'paper',
  'line',
  'more',
  'section',
  'foot',
] as const
/** A notice is of one part: its template has no piece comments. */
export const NOTICE_PARTS = ['head'] as const

/** What a value is escaped for: HTML, or plain text, where nothing needs it. */
export type Medium = 'html' | 'text'

/** The parts of one template, ready to be filled. */
export type Parts<Name extends string> = Readonly<Record<Name, (values: object) => string>>

/** The width of the text part, in characters: quoted once or twice it still fits 80. */
const TEXT_WIDTH = 72
const PART_MARK = /^[ \t]*\{\{!-- piece: (\w+) --\}\}[ \t]*\n/gm

// Our own instance: helpers of others never reach a mail.
const handlebars = Handlebars.create()
// What is copied from a mail has plain spaces, once it is clear where lines end. Here and not in
// wrapText, by which selections of before are joined to the byte.
handlebars.registerHelper('wrap', (text: unknown, { hash }: Handlebars.HelperOptions) =>
  wrapText(String(text), TEXT_WIDTH, hash.first ?? '', hash.rest ?? '').replaceAll('\u00a0', ' '),
)

/** Returns a value as templates print it into HTML. */
export function escapeHtml(text: string): string {
  return handlebars.escapeExpression(text)
}

/** Returns a text broken into the lines of the text part, each behind `indent`. */
export function wrapParagraph(text: string, indent: string): string {
  return wrapText(text, TEXT_WIDTH, indent, indent)
}

/**
 * Checks a template as its author wrote it and returns it parsed. Throws a PermanentError that
 * names file and line of what Handlebars cannot read or must not do; of partials only the named
 * ones may be asked for, none by default.
 */
export function checkTemplate(source: string, file: string, partials: readonly string[] = []): hbs.AST.Program {
  const program = parse(source, file)
  const refuse = (node: hbs.AST.Node, what: string) => {
    throw new PermanentError(`${file} line ${node.loc.start.line}: ${what}`)
  }
  const visitor = new Handlebars.Visitor()
  const visitMustache = visitor.MustacheStatement.bind(visitor)
  visitor.MustacheStatement = (mustache) => {
    if (!mustache.escaped) refuse(mustache, 'a value without escaping ({{{…}}} or {{&…}})')
    visitMustache(mustache)
  }
  const visitPartial = visitor.PartialStatement.bind(visitor)
  visitor.PartialStatement = (partial) => {
    const name = partial.name.type === 'PathExpression' ? (partial.name as hbs.AST.PathExpression).original : ''
    if (partials.length === 0) refuse(partial, 'templates have no partials')
    if (!partials.includes(name)) refuse(partial, `there is no partial of this name, only ${partials.join(', ')}`)
    visitPartial(partial)
  }
  visitor.PartialBlockStatement = (partial) => refuse(partial, 'templates have no partials')
  visitor.accept(program)
  return program
}

function parse(source: string, file: string): hbs.AST.Program {
  try {
    return handlebars.parse(source)
  } catch (error) {
    throw new PermanentError(`${file} ${wrongFormOf(source, describeError(error))}`)
  }
}

/** What the parser says is a drawing of several lines, with its own names of what it waited for. */
function wrongFormOf(source: string, said: string): string {
  const [, opened, closed, at] = /^(\S+) doesn't match (\S+) - (\d+):/.exec(said) ?? []
  if (at !== undefined) return `line ${at}: {{#${opened}}} is closed by {{/${closed}}}`
  const unclosed = said.endsWith("got 'EOF'") ? findUnclosed(source) : undefined
  if (unclosed) return `line ${lineOf(source, unclosed.index)}: ${unclosed[0]}}} is not closed`
  const [, line = '1', excerpt] = /on line (\d+).*\n(.*)\n/.exec(said) ?? []
  return `line ${line}: Handlebars cannot read this${excerpt ? `: ${excerpt}` : ''}`
}

/** Returns the mark of the last block that nothing closes. */
function findUnclosed(source: string): RegExpExecArray | undefined {
  const open: RegExpExecArray[] = []
  const visible = source.replace(/\{\{~?!--.*?--~?\}\}/gs, (comment) => ' '.repeat(comment.length))
  for (const mark of visible.matchAll(/\{\{~?(?:[#^][^\s}~]+|(\/))/g)) {
    if (mark[1]) open.pop()
    else open.push(mark)
  }
  return open.at(-1)
}

/**
 * Throws a PermanentError for the first MJML tag that is never closed or closes nothing: MJML's own
 * parser mends those in silence.
 */
export function checkTags(source: string, file: string): void {
  const open: { tag: string; offset: number }[] = []
  const refuse = ({ tag, offset }: { tag: string; offset: number }, what: string) => {
    throw new PermanentError(`${file} line ${lineOf(source, offset)} (${tag}): ${what}`)
  }
  // Comments keep their length, so that offsets stay true.
  const visible = source.replace(/<!--.*?-->/gs, (comment) => ' '.repeat(comment.length))
  for (const match of visible.matchAll(/<(\/?)(mj(?:ml|-[\w-]+))\b[^>]*?(\/?)>/g)) {
    const [, closing, tag = '', selfClosing] = match
    const at = { tag, offset: match.index }
    if (!closing && !selfClosing) open.push(at)
    if (!closing) continue
    const last = open.pop()
    if (!last) refuse(at, 'the tag closes nothing')
    else if (last.tag !== tag) refuse(last, 'the tag is not closed')
  }
  const last = open.at(-1)
  if (last) refuse(last, 'the tag is not closed')
}

/**
 * Cuts a template at its piece comments and compiles the parts. Throws a PermanentError when one is
 * missing, twice there or not on the list.
 */
export function compileParts<Name extends string>(
  template: string,
  names: readonly Name[],
  medium: Medium,
  file: string,
): Parts<Name> {
  const sources = new Map<string, string>([['head', '']])
  let name = 'head'
  let start = 0
  for (const mark of template.matchAll(PART_MARK)) {
    sources.set(name, template.slice(start, mark.index))
    name = mark[1] as string
    start = mark.index + mark[0].length
    if (sources.has(name)) throw new PermanentError(`${file}: the piece "${name}" begins twice`)
  }
  sources.set(name, template.slice(start))
  const stray = [...sources.keys()].find((key) => !(names as readonly string[]).includes(key))
  if (stray !== undefined) throw new PermanentError(`${file}: there is no piece called "${stray}"`)
  const parts = names.map((part) => {
    const source = sources.get(part)
    if (source === undefined) throw new PermanentError(`${file}: the piece "${part}" is missing`)
    return [part, compilePart(source, medium, `${file} (piece "${part}")`)] as const
  })
  return Object.fromEntries(parts) as Parts<Name>
}

function compilePart(source: string, medium: Medium, where: string): (values: object) => string {
  // Not first when a reader's mail is made: what opens in one part may not close in another.
  parse(source, where)
  const fill = handlebars.compile(source, { strict: true, noEscape: medium === 'text', explicitPartialContext: true })
  return (values) => {
    try {
      return fill(values)
    } catch (cause) {
      throw new PermanentError(where, { cause })
    }
  }
}
