// MJML compiled for each reader (https://documentation.mjml.io/#inside-node-js), sent by the hundred
// (https://resend.com/docs/api-reference/emails/send-batch-emails).
import { Resend } from 'resend'
import { demand, FROM, listReaders, SUBJECT } from './readers.mjs'
import { renderMjml } from './rendered-mjml.mjs'

export function open({ url, papers }) {
  const resend = new Resend('re_bench', { baseUrl: url })
  return {
    async send(number) {
      const list = []
      for (const reader of listReaders(number)) {
        list.push({ from: FROM, to: reader.address, subject: SUBJECT, html: await renderMjml(papers, reader) })
      }
      demand(await resend.batch.send(list, { idempotencyKey: `bench-${number}` }))
    },
  }
}
