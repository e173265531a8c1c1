// Takes emails as Resend does, alone and by the hundred, and says how many came: `parse` reads
// every body as JSON, `discard` only counts the emails in it. With a folder of certificate.pem and
// key.pem over TLS.
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface SinkReport {
  url: string
  mails: number
  bytesAMail: number
  /** Of the first full request: what is planned first are the choices that most readers have. */
  body: string
}

const FULL = 100
const [way, folder] = process.argv.slice(2)
let mails = 0
let bytes = 0
let first: Buffer | undefined

const answer: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    const isBatch = request.url === '/emails/batch'
    const count = way === 'parse' ? countParsed(body) : isBatch ? countIn(body) : 1
    mails += count
    bytes += body.length
    if (count === FULL) first ??= body
    const data = Array.from({ length: count }, (_, index) => ({ id: `${mails}-${index}` }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(isBatch ? { data } : data[0]))
  })
}
const server = folder
  ? createSecureServer(
      { cert: readFileSync(join(folder, 'certificate.pem')), key: readFileSync(join(folder, 'key.pem')) },
      answer,
    )
  : createServer(answer)
server.listen(0, '127.0.0.1', report)
process.on('message', report)

function report(): void {
  const { port } = server.address() as AddressInfo
  const url = `${folder ? 'https' : 'http'}://127.0.0.1:${port}`
  const said: SinkReport = { url, mails, bytesAMail: bytes / mails, body: first?.toString() ?? '' }
  process.send?.(said)
}

function countParsed(body: Buffer): number {
  const parsed: unknown = JSON.parse(body.toString())
  return Array.isArray(parsed) ? parsed.length : 1
}

function countIn(body: Buffer): number {
  let count = 0
  for (let at = body.indexOf('{"from":'); at >= 0; at = body.indexOf('{"from":', at + 1)) count += 1
  return count
}
