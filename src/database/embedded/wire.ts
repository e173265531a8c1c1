// The few frames of PostgreSQL's wire protocol (version 3) that the embedded server itself reads or
// writes. Pure: bytes in, bytes out. What clients ask for is the database's business and passes
// through untouched.

/**
 * A frame of an open session: one letter of type, four bytes of length (which count themselves),
 * then the body.
 */
export interface Frame {
  type: string
  bytes: Buffer
}

/** An opening request has no type letter: its second word says what it wants. */
export type Opening = 'secure' | 'cancel' | 'start' | 'unknown'

/**
 * Cuts a stream into frames. A frame's type is '' before the session has started. Throws on a
 * length that cannot be.
 */
export function readFrames(): (chunk: Buffer) => Frame[] {
  let parts: Buffer[] = []
  let held = 0
  let wanted = 0
  let started = false
  return (chunk) => {
    parts.push(chunk)
    held += chunk.length
    // Joined only once a whole frame is there, or a parameter of megabytes would be copied again
    // with every chunk.
    if (held < wanted) return []
    let rest = Buffer.concat(parts)
    const frames: Frame[] = []
    for (;;) {
      const lengthAt = started ? 1 : 0
      if (rest.length < lengthAt + 4) {
        wanted = lengthAt + 4
        break
      }
      const length = rest.readInt32BE(lengthAt)
      if (length < 4 || length > LONGEST_FRAME) throw new Error(`A frame cannot be ${length} bytes long`)
      wanted = lengthAt + length
      if (rest.length < wanted) break
      const bytes = rest.subarray(0, wanted)
      frames.push({ type: started ? String.fromCharCode(bytes[0] as number) : '', bytes })
      if (!started) started = readOpening(bytes) === 'start'
      rest = rest.subarray(wanted)
    }
    parts = [rest]
    held = rest.length
    return frames
  }
}

/** Walks the frames of a complete answer. */
export function* eachFrame(answer: Buffer): Generator<Frame> {
  for (let at = 0; at + 5 <= answer.length; ) {
    const end = at + 1 + answer.readInt32BE(at + 1)
    yield { type: String.fromCharCode(answer[at] as number), bytes: answer.subarray(at, end) }
    at = end
  }
}

export function readOpening(bytes: Buffer): Opening {
  const code = bytes.length < 8 ? 0 : bytes.readInt32BE(4)
  if (code === 80877103 || code === 80877104) return 'secure'
  if (code === 80877102) return 'cancel'
  return code >>> 16 === 3 ? 'start' : 'unknown'
}

/** Returns the search_path that a start request sets through its `options`, or undefined. */
export function readSearchPath(start: Buffer): string | undefined {
  const words = readTexts(start.subarray(8))
  const at = words.findIndex((word, index) => index % 2 === 0 && word === 'options')
  const options = at === -1 ? '' : (words[at + 1] ?? '')
  // A backslash keeps the next character, a space among them, in its word; the last setting of a
  // name counts.
  const settings = options.match(/(?:\\.|[^\s\\])+/g) ?? []
  const paths = settings.map((setting) => /^(?:-c|--)?search_path=(.*)$/s.exec(setting)?.[1])
  return paths.findLast((path) => path !== undefined)?.replace(/\\(.)/gs, '$1')
}

/** Returns name and value of a ParameterStatus frame. */
export function readParameter(bytes: Buffer): [name: string, value: string] {
  const [name = '', value = ''] = readTexts(bytes.subarray(5))
  return [name, value]
}

/** Returns the texts of a frame's body, each ended by a zero byte. */
export function readTexts(body: Buffer): string[] {
  return body.toString('utf8').split('\0').slice(0, -1)
}

export function writeFrame(type: string, ...body: (string | Buffer)[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

/** Writes the error that ends a session, with its five-character SQLSTATE. */
export function writeFatal(code: string, sentence: string): Buffer {
  return writeFrame('E', 'SFATAL', 'VFATAL', `C${code}`, `M${sentence}`, Buffer.of(0))
}

export function writeStart(user: string, database: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

/** PostgreSQL's own limit of a value, 1 GiB. */
const LONGEST_FRAME = 2 ** 30
