// One prebuilt message again and again, over as many connections: what the wire and the sink allow.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { BATCH } from './readers.mjs'

export async function open({ port, pool, messageFile }) {
  const whole = readFileSync(messageFile)
  const idle = await Promise.all(Array.from({ length: pool }, () => openLane(port)))
  const waiting = []
  const give = (lane) => (waiting.shift() ?? ((each) => idle.push(each)))(lane)
  const take = () => idle.pop() ?? new Promise((resolve) => waiting.push(resolve))
  return {
    async send(number) {
      await Promise.all(
        Array.from({ length: BATCH }, async (_, index) => {
          const lane = await take()
          await lane.ask(
            `MAIL FROM:<papers@round.example>\r\nRCPT TO:<reader-${number}-${index}@papers.example>\r\nDATA\r\n`,
            3,
          )
          await lane.ask(whole, 1)
          give(lane)
        }),
      )
    },
    close: () => idle.map((lane) => lane.end()),
  }
}

/** Says hello, and then asks for as many lines of answers. */
async function openLane(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  let missing = 1
  let answered
  socket.on('data', (chunk) => {
    for (const byte of chunk) if (byte === 10) missing -= 1
    if (missing <= 0) answered?.()
  })
  const ask = (words, lines) =>
    new Promise((resolve) => {
      missing = lines
      answered = resolve
      socket.write(words)
    })
  await once(socket, 'data')
  await ask('EHLO raw\r\n', 3)
  return { ask, end: () => socket.end() }
}
