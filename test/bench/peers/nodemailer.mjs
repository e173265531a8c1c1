// A template compiled once and filled for each reader, of the very bytes that ours has
// (https://handlebarsjs.com/api-reference/compilation.html), through a pool of connections
// (https://nodemailer.com/smtp/pooled).
import nodemailer from 'nodemailer'
import { compileMail } from './handlebars.mjs'
import { BATCH } from './readers.mjs'

export function open({ port, pool, body }) {
  const [mail] = JSON.parse(body)
  const fillFor = compileMail(mail)
  const transporter = nodemailer.createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    secure: false,
    maxConnections: pool,
  })
  return {
    async send(number) {
      const list = Array.from({ length: BATCH }, (_, index) => fillFor(number, index))
      await Promise.all(list.map((each) => transporter.sendMail(each)))
    },
    close: () => transporter.close(),
  }
}
