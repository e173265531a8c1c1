// A DNS server on loopback that knows some text records (RFC 1035, by UDP).
import { createSocket, type RemoteInfo } from 'node:dgram'

const TXT = 16
const [NAME_UNKNOWN, REFUSED] = [3, 5]
const HEADER_BYTES = 12

/** `texts`: what stands under each name. `refuses`: it answers nobody's question. */
export async function openDnsStandIn(texts: Record<string, string[]>, { refuses = false } = {}) {
  const socket = createSocket('udp4')
  socket.on('message', (question: Buffer, { address, port }: RemoteInfo) => {
    socket.send(answerTo(question, texts, refuses), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

function answerTo(question: Buffer, texts: Record<string, string[]>, refuses: boolean): Buffer {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = question.readUInt8(at); length > 0; length = question.readUInt8(at)) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + 5
  const found = question.readUInt16BE(at + 1) === TXT ? texts[labels.join('.').toLowerCase()] : undefined
  const records = refuses ? [] : (found ?? [])
  const header = Buffer.alloc(HEADER_BYTES)
  question.copy(header, 0, 0, 2)
  const code = refuses ? REFUSED : found === undefined ? NAME_UNKNOWN : 0
  header.writeUInt16BE(0x8180 | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, question.subarray(HEADER_BYTES, end), ...records.map(recordOf)])
}

/** A record about the name of the question, its text in pieces of 255 bytes. */
function recordOf(text: string): Buffer {
  const pieces = text.match(/.{1,255}/gs) ?? ['']
  const data = Buffer.concat(pieces.map((piece) => Buffer.from([piece.length, ...Buffer.from(piece, 'latin1')])))
  const head = Buffer.from([0xc0, HEADER_BYTES, 0, TXT, 0, 1, 0, 0, 0, 60, 0, 0])
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
