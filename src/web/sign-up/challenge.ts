// The page that asks a sign-up to prove itself: its script solves a challenge and sends the form;
// without script the visitor waits and presses the button. And the library's own files, from our
// own server: pages take script from nowhere else.
import { readFileSync } from 'node:fs'
import type { Context } from 'hono'
import { definePage } from '../page/pages.ts'
import { networkNames, type ReaderParts } from '../visit/reader-parts.ts'
import { makeChallenge, openTicket, WAIT_S } from './proof.ts'

interface ChallengeValues {
  /** What was typed, to be sent once more: by name. */
  fields: { name: string; value: string }[]
  /** For the script, as JSON. */
  challenge: string
  /** What the visitor may wait with instead; ''. */
  ticket: string
  seconds: string
}

export const challengePage = definePage<ChallengeValues>('challenge')

/** What the script needs of the library, by the path under which it asks for it. */
const FILES = ['pow.js', 'helpers.js', 'types.js', 'algorithms/web/pbkdf2.js']
const LIBRARY = new URL('.', import.meta.resolve('altcha-lib'))

/** Answers with the page that asks; `kept` is a ticket that the visitor already waits with. */
export async function askForProof(
  c: Context,
  parts: ReaderParts,
  fields: Record<string, string>,
  kept: string,
): Promise<Response> {
  const { pages, formKeys, limits } = parts
  const [network] = networkNames(c, parts)
  const values = {
    fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
    challenge: await makeChallenge(formKeys),
    ticket: kept || (await openTicket(formKeys, limits, network)),
    seconds: String(WAIT_S),
  }
  return c.html(pages.render(challengePage, { title: 'One moment', challenge: true }, values), 202)
}

/** Answers with a file of the library. */
export function showAltcha(): (c: Context) => Response | Promise<Response> {
  const files = new Map(FILES.map((file) => [file, readFileSync(new URL(file, LIBRARY), 'utf8')]))
  return (c) => {
    const content = files.get(c.req.path.replace(/^.*\/altcha\//, ''))
    if (content === undefined) return c.notFound()
    return c.body(content, 200, {
      'Content-Type': 'text/javascript; charset=utf-8',
      'Cache-Control': 'public, max-age=3600',
    })
  }
}
