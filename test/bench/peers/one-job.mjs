// One job an email (https://docs.bullmq.io/readme-1): MJML compiled, turned into a text part, sent by
// itself (https://resend.com/docs/api-reference/emails/send-email) and noted in PostgreSQL.
import { Queue, Worker } from 'bullmq'
import { convert } from 'html-to-text'
import Redis from 'ioredis'
import pg from 'pg'
import { Resend } from 'resend'
import { demand, FROM, listReaders, SUBJECT } from './readers.mjs'
import { renderMjml } from './rendered-mjml.mjs'

const CONCURRENCY = 10

export async function open({ url, papers, redisUrl, databaseUrl }) {
  const resend = new Resend('re_bench', { baseUrl: url })
  const pool = new pg.Pool({ connectionString: databaseUrl })
  await pool.query(
    'create table if not exists sent_by_job (address text, provider_id text, at timestamptz default now())',
  )
  const connections = [0, 1].map(() => new Redis(redisUrl, { maxRetriesPerRequest: null }))
  const name = `bench-${process.pid}`
  const queue = new Queue(name, { connection: connections[0] })
  const worker = new Worker(name, ({ data }) => sendOne(data), { connection: connections[1], concurrency: CONCURRENCY })
  let added = 0
  const ended = new Promise((resolve, reject) => {
    let count = 0
    worker.on('completed', () => {
      count += 1
      if (count === added) resolve()
    })
    worker.on('failed', (_, error) => reject(error))
  })

  async function sendOne(reader) {
    const html = await renderMjml(papers, reader)
    const text = convert(html)
    const { id } = demand(await resend.emails.send({ from: FROM, to: reader.address, subject: SUBJECT, html, text }))
    await pool.query('insert into sent_by_job (address, provider_id) values ($1, $2)', [reader.address, id])
  }

  return {
    async send(number) {
      const readers = listReaders(number)
      added += readers.length
      await queue.addBulk(readers.map((data) => ({ name: 'email', data })))
    },
    async close() {
      if (added > 0) await ended
      await worker.close()
      await queue.obliterate({ force: true })
      await queue.close()
      for (const connection of connections) connection.disconnect()
      await pool.end()
    },
  }
}
