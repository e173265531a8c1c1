// A port that stays while the app behind it is exchanged, and the script that reloads the pages
// which a browser has open.
import { Hono } from 'hono'
import { listen } from '../src/web/server.ts'

export interface FrontDoor {
  url: string
  /** Answers with this app from now on; open pages reload. */
  show(app: Hono): void
  close(): Promise<void>
}

const SCRIPT_PATH = '/@dev.js'
const EVENTS_PATH = '/@dev'
/** Reconnects by itself, so a page also notices what happened while nothing ran. */
const SCRIPT = `const own = new URL(document.currentScript.src).search.slice(1)
new EventSource('${EVENTS_PATH}').onmessage = ({ data }) => { if (data !== own) location.reload() }
`

/** Opens the port; requests wait until there is an app. */
export async function openFrontDoor(port: number): Promise<FrontDoor> {
  const listeners = new Set<ReadableStreamDefaultController<string>>()
  let revision = ''
  let current: Hono | undefined
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const tell = (listener: ReadableStreamDefaultController<string>) => listener.enqueue(`data: ${revision}\n\n`)

  function follow(): Response {
    let own: ReadableStreamDefaultController<string>
    const stream = new ReadableStream<string>({
      start(listener) {
        own = listener
        listeners.add(listener)
        tell(listener)
      },
      cancel: () => void listeners.delete(own),
    })
    const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }
    return new Response(stream.pipeThrough(new TextEncoderStream()), { headers })
  }

  const door = new Hono()
  door.get(EVENTS_PATH, follow)
  door.get(SCRIPT_PATH, (c) => c.body(SCRIPT, 200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'no-store' }))
  door.all('*', async (c) => {
    await opened
    return withScript(await (current as Hono).fetch(c.req.raw, c.env), revision)
  })
  const server = await listen(door, { port, hostname: 'localhost' })
  return {
    url: server.url,
    show(app) {
      current = app
      revision = String(Date.now())
      open()
      for (const listener of listeners) tell(listener)
    },
    async close() {
      for (const listener of listeners) listener.close()
      await server.close()
    },
  }
}

/** Only pages of ours allow scripts; an email in its frame is left as it is. */
async function withScript(answer: Response, revision: string): Promise<Response> {
  const policy = answer.headers.get('Content-Security-Policy') ?? ''
  if (!answer.headers.get('Content-Type')?.startsWith('text/html') || !policy.includes("script-src 'self'"))
    return answer
  const headers = new Headers(answer.headers)
  headers.set('Content-Security-Policy', policy.includes('connect-src') ? policy : `${policy}; connect-src 'self'`)
  headers.set('Cache-Control', 'no-store')
  headers.delete('Content-Length')
  headers.delete('ETag')
  const script = `<script src="${SCRIPT_PATH}?${revision}"></script>`
  return new Response(
    (await answer.text()).replace('</body>', () => `${script}</body>`),
    {
      status: answer.status,
      headers,
    },
  )
}
