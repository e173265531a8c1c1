// A DNS server on loopback that knows some text records and mail servers (RFC 1035, by UDP).
import { createSocket, type RemoteInfo } from 'node:dgram'

const MX = 15
const TXT = 16
const [NAME_UNKNOWN, REFUSED] = [3, 5]
const HEADER_BYTES = 12

interface Others {
  /** The mail servers of each domain. */
  mailServers?: Record<string, string[]>
  /** It answers nobody's question. */
  refuses?: boolean
}

/** `texts`: what stands under each name. */
export async function openDnsStandIn(texts: Record<string, string[]>, others: Others = {}) {
  const socket = createSocket('udp4')
  socket.on('message', (question: Buffer, { address, port }: RemoteInfo) => {
    socket.send(answerTo(question, texts, others), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

function answerTo(question: Buffer, texts: Record<string, string[]>, others: Others): Buffer {
  const { mailServers = {}, refuses = false } = others
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = question.readUInt8(at); length > 0; length = question.readUInt8(at)) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + 5
  const type = question.readUInt16BE(at + 1)
  const name = labels.join('.').toLowerCase()
  const found = type === TXT ? texts[name]?.map(textOf) : type === MX ? mailServers[name]?.map(serverOf) : undefined
  const records = refuses ? [] : (found ?? []).map((data) => recordOf(type, data))
  const header = Buffer.alloc(HEADER_BYTES)
  question.copy(header, 0, 0, 2)
  const code = refuses ? REFUSED : found === undefined ? NAME_UNKNOWN : 0
  header.writeUInt16BE(0x8180 | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, question.subarray(HEADER_BYTES, end), ...records])
}

/** A text in pieces of 255 bytes. */
function textOf(text: string): Buffer {
  const pieces = text.match(/.{1,255}/gs) ?? ['']
  return Buffer.concat(pieces.map((piece) => Buffer.from([piece.length, ...Buffer.from(piece, 'latin1')])))
}

/** A mail server's name behind its preference; '' is the root, of a domain that takes no mail. */
function serverOf(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  const parts = labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')]))
  return Buffer.concat([Buffer.from([0, 10]), ...parts, Buffer.from([0])])
}

/** A record about the name of the question. */
function recordOf(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 60, 0, 0])
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
