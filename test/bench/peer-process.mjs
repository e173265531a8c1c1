// Sends as many emails as asked, four requests at a time: `raw` one prebuilt body again and again;
// `handlebars` a template compiled once and filled for each reader, through the official client
// (https://resend.com/docs/api-reference/emails/send-batch-emails).
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import Handlebars from 'handlebars'
import { Resend } from 'resend'

const [way, url, count, file] = process.argv.slice(2)
const body = readFileSync(file)
const requests = Number(count) / 100
const agent = new Agent({ keepAlive: true })
const send = way === 'raw' ? sendRaw : openHandlebars()
let next = 0
await Promise.all(Array.from({ length: 4 }, work))
agent.destroy()

async function work() {
  while (next < requests) await send(next++)
}

function sendRaw() {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const sent = request(`${url}/emails/batch`, { method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.on('end', resolve)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function openHandlebars() {
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
  return async (number) => {
    const list = Array.from({ length: 100 }, (_, index) => {
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
    const { error } = await resend.batch.send(list, { idempotencyKey: `bench-${number}` })
    if (error) throw new Error(error.message)
  }
}
