// One prebuilt body again and again: what the wire and the sink allow.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'

export function open({ url, body, ca }) {
  const { Agent, request } = url.startsWith('https:') ? https : http
  const agent = new Agent({ keepAlive: true, ...(ca ? { ca: readFileSync(ca) } : {}) })
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const sent = request(`${url}/emails/batch`, { method: 'POST', agent, headers }, (response) => {
          response.resume()
          response.on('end', resolve)
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy(),
  }
}
