// A template compiled once and filled for each reader, of the very bytes that ours has
// (https://handlebarsjs.com/api-reference/compilation.html), through the official client
// (https://resend.com/docs/api-reference/emails/send-batch-emails).
import Handlebars from 'handlebars'
import { Resend } from 'resend'
import { BATCH, demand } from './readers.mjs'

export function open({ url, body }) {
  const resend = new Resend('re_bench', { baseUrl: url })
  const [mail] = JSON.parse(body)
  const fillFor = compileMail(mail)
  return {
    async send(number) {
      const list = Array.from({ length: BATCH }, (_, index) => ({ ...fillFor(number, index), tags: mail.tags }))
      demand(await resend.batch.send(list, { idempotencyKey: `bench-${number}` }))
    },
  }
}

/** The same email with its tokens as values: what a template of one's own would hold. */
export function compileMail({ from, subject, html, text, headers }) {
  const tokens = [...new Set(JSON.stringify({ html, text, headers }).match(/[\w-]{59}/g))]
  const compile = (text) => {
    const source = tokens.reduce((all, token, index) => all.replaceAll(token, `{{t${index}}}`), text)
    return Handlebars.compile(source)
  }
  const parts = { html: compile(html), text: compile(text) }
  const lines = Object.entries(headers).map(([name, value]) => [name, compile(value)])
  return (number, index) => {
    const values = Object.fromEntries(tokens.map((token, at) => [`t${at}`, `${token.slice(10)}${number}-${index}`]))
    return {
      from,
      to: `reader-${number}-${index}@papers.example`,
      subject,
      html: parts.html(values),
      text: parts.text(values),
      headers: Object.fromEntries(lines.map(([name, fill]) => [name, fill(values)])),
    }
  }
}
