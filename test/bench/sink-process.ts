// Takes batches as Resend does and says how many came: `parse` reads every body as JSON, `discard`
// only counts the emails in it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SinkReport {
  url: string
  mails: number
  bytesAMail: number
  /** Of the last full request. */
  body: string
}

const FULL = 100
const [way] = process.argv.slice(2)
let mails = 0
let bytes = 0
let last = Buffer.alloc(0)

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    const count = way === 'parse' ? (JSON.parse(body.toString()) as unknown[]).length : countIn(body)
    mails += count
    bytes += body.length
    if (count === FULL) last = body
    const data = Array.from({ length: count }, (_, index) => ({ id: `${mails}-${index}` }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ data }))
  })
})
server.listen(0, '127.0.0.1', report)
process.on('message', report)

function report(): void {
  const { port } = server.address() as AddressInfo
  const said: SinkReport = { url: `http://127.0.0.1:${port}`, mails, bytesAMail: bytes / mails, body: last.toString() }
  process.send?.(said)
}

function countIn(body: Buffer): number {
  let count = 0
  for (let at = body.indexOf('{"from":'); at >= 0; at = body.indexOf('{"from":', at + 1)) count += 1
  return count
}
