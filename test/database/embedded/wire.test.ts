import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  eachFrame,
  readFrames,
  readOpening,
  readParameter,
  readSearchPath,
  writeFatal,
  writeFrame,
  writeStart,
} from '../../../src/database/embedded/wire.ts'

const frame = fc
  .tuple(fc.constantFrom('P', 'B', 'D', 'E', 'S', 'Q'), fc.uint8Array({ maxLength: 300 }))
  .map(([type, body]) => ({ type, bytes: writeFrame(type, Buffer.from(body)) }))

describe('readFrames', () => {
  it('finds the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const start = writeStart('postgres', 'postgres')
        const stream = Buffer.concat([start, ...frames.map(({ bytes }) => bytes)])
        const read = readFrames()
        const found = cut(stream, cuts).flatMap((chunk) => read(chunk))
        expect(found).toEqual([{ type: '', bytes: start }, ...frames])
      }),
    )
  })

  it('stays with opening requests until one starts the session', () => {
    const secure = opening(80877103)
    const read = readFrames()
    const types = read(Buffer.concat([secure, writeStart('a', 'b'), writeFrame('S')])).map(({ type }) => type)
    expect(types).toEqual(['', '', 'S'])
  })

  it('refuses a length that cannot be', () => {
    expect(() => readFrames()(Buffer.of(0, 0, 0, 1))).toThrow(/1 bytes/)
    expect(() => readFrames()(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(/bytes/)
  })
})

describe('readOpening', () => {
  it.each([
    [80877102, 'cancel'],
    [80877103, 'secure'],
    [80877104, 'secure'],
    [196608, 'start'],
    [131072, 'unknown'],
  ])('reads %i as %s', (code, kind) => {
    expect(readOpening(opening(code))).toBe(kind)
  })
})

describe('readSearchPath', () => {
  it.each([
    ['-c search_path=demo,public', 'demo,public'],
    ['--search_path=demo', 'demo'],
    ['-c geqo=off -c search_path="bullmq"', '"bullmq"'],
    ['-c search_path=a -c search_path=b', 'b'],
    ['-c search_path=a,\\ b', 'a, b'],
    ['-c geqo=off', undefined],
    ['', undefined],
  ])('reads %j as %j', (options, path) => {
    expect(readSearchPath(start(['user', 'options', 'options', options]))).toBe(path)
  })

  it('returns undefined without options, even for a user of that name', () => {
    expect(readSearchPath(start(['user', 'options', 'database', '-c search_path=x']))).toBeUndefined()
  })
})

it('writes frames that eachFrame and readParameter find again', () => {
  const answer = Buffer.concat([writeFrame('S', 'search_path', 'a, b'), writeFatal('57P01', 'Closed'), writeFrame('Z')])
  const frames = [...eachFrame(answer)]
  expect(frames.map(({ type }) => type)).toEqual(['S', 'E', 'Z'])
  expect(readParameter(frames[0]?.bytes as Buffer)).toEqual(['search_path', 'a, b'])
})

function opening(code: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(8, 0)
  bytes.writeInt32BE(code, 4)
  return bytes
}

function start(parameters: string[]): Buffer {
  const body = Buffer.from(`${parameters.join('\0')}\0\0`)
  return Buffer.concat([opening(196608), body])
}

function cut(stream: Buffer, lengths: number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    chunks.push(stream.subarray(at, at + length))
    at += length
  }
  return [...chunks, stream.subarray(at)].filter((chunk) => chunk.length > 0)
}
