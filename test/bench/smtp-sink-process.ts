// A mail server that takes everything at once and reads no more of it than it must: commands by
// lines, a message to its final dot. Says how many came, and what the usual one was.
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface SmtpSinkReport {
  port: number
  mails: number
  bytesAMail: number
  /** Of the email that is nearest to all in its length, its dots as they came. */
  message: string
}

const END = Buffer.from('\r\n.\r\n')
const EXTENSIONS = '250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n'
let mails = 0
let bytes = 0
let usual: Buffer = Buffer.alloc(0)

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.write('220 sink\r\n')
  socket.on('data', openSession(socket))
})
server.listen(0, '127.0.0.1', report)
process.on('message', report)

function report(): void {
  const { port } = server.address() as AddressInfo
  const said: SmtpSinkReport = { port, mails, bytesAMail: bytes / mails, message: usual.toString() }
  process.send?.(said)
}

function openSession(socket: Socket): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  /** Of a message that is coming. */
  let parts: Buffer[] | undefined
  return (chunk) => {
    if (parts) {
      parts.push(chunk)
      if (!endsMessage(parts)) return
      take(Buffer.concat(parts))
      parts = undefined
      socket.write(`250 taken as ${mails}\r\n`)
      return
    }
    rest = Buffer.concat([rest, chunk])
    let answers = ''
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
      const word = rest.subarray(0, 4).toString('latin1').toUpperCase()
      rest = rest.subarray(at + 1)
      answers += word === 'EHLO' ? EXTENSIONS : word === 'DATA' ? '354 go on\r\n' : '250 well\r\n'
      if (word === 'DATA') parts = []
      if (word === 'QUIT') socket.end()
    }
    socket.write(answers)
  }
}

function take(message: Buffer): void {
  bytes += message.length
  mails += 1
  const awayFromAll = ({ length }: Buffer) => Math.abs(length - bytes / mails)
  if (awayFromAll(message) <= awayFromAll(usual)) usual = message
}

/**
 * Nothing follows the final dot before its answer; the last chunk may be no more than a part of it.
 */
function endsMessage(parts: readonly Buffer[]): boolean {
  const final = parts.at(-1) as Buffer
  const tail = final.length < END.length ? Buffer.concat(parts.slice(-END.length)) : final
  return tail.subarray(-END.length).equals(END)
}
