// A receiver of alarms and heartbeats on loopback, as a host would run one: it checks every
// signature and remembers what it took, in order.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export const ALARM_SECRET = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`

export interface Receiver {
  /** `…/alarms` takes posts, `…/beat` heartbeats. */
  url: string
  posts: { id: string; type: string; name: string; subject: string; text: string }[]
  beats: number
  /** The credentials of each request, '' for none. */
  logins: string[]
  /** What it answers: 200 unless set. */
  status: number
  close(): Promise<void>
}

export async function openReceiver(): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    response.statusCode = receiver.status
    receiver.logins.push(request.headers.authorization ?? '')
    try {
      if (request.method === 'GET' && request.url === '/beat') {
        if (receiver.status === 200) receiver.beats += 1
      } else {
        const headers = request.headers as Record<string, string>
        const body = new Webhook(ALARM_SECRET).verify(Buffer.concat(chunks).toString(), headers) as {
          type: string
          text: string
          data: { name: string; subject: string }
        }
        if (receiver.status === 200) {
          const { type, text, data } = body
          receiver.posts.push({
            id: headers['webhook-id'] as string,
            type,
            text,
            name: data.name,
            subject: data.subject,
          })
        }
      }
    } catch {
      response.statusCode = 401
    }
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts: [],
    beats: 0,
    logins: [],
    status: 200,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return receiver
}
