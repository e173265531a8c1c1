// A template compiled once and filled for each reader, of the very bytes that ours has
// (https://handlebarsjs.com/api-reference/compilation.html), through the official client
// (https://resend.com/docs/api-reference/emails/send-batch-emails).
import Handlebars from 'handlebars'
import { Resend } from 'resend'
import { BATCH, demand } from './readers.mjs'

export function open({ url, body }) {
  const resend = new Resend('re_bench', { baseUrl: url })
  const [first] = JSON.parse(body)
  // The same email with its tokens as values: what a template of one's own would hold.
  const tokens = [...new Set(JSON.stringify(first).match(/[\w-]{59}/g))]
  const compile = (text) => {
    const source = tokens.reduce((all, token, index) => all.replaceAll(token, `{{t${index}}}`), text)
    return Handlebars.compile(source)
  }
  const [html, text] = [compile(first.html), compile(first.text)]
  const headers = Object.entries(first.headers).map(([name, value]) => [name, compile(value)])
  return {
    async send(number) {
      const list = Array.from({ length: BATCH }, (_, index) => {
        const values = Object.fromEntries(tokens.map((token, at) => [`t${at}`, `${token.slice(10)}${number}-${index}`]))
        return {
          from: first.from,
          to: `reader-${number}-${index}@papers.example`,
          subject: first.subject,
          html: html(values),
          text: text(values),
          headers: Object.fromEntries(headers.map(([name, fill]) => [name, fill(values)])),
          tags: first.tags,
        }
      })
      demand(await resend.batch.send(list, { idempotencyKey: `bench-${number}` }))
    },
  }
}
