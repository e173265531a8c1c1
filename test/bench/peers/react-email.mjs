// A component rendered for each reader (https://react.email/docs/integrations/resend), sent by the
// hundred (https://resend.com/docs/api-reference/emails/send-batch-emails).
import { Body, Container, Head, Heading, Hr, Html, Link, Preview, Section, Text } from '@react-email/components'
import { createElement as h } from 'react'
import { Resend } from 'resend'
import { demand, FROM, listReaders, SUBJECT } from './readers.mjs'

const BODY = { backgroundColor: '#ffffff', fontFamily: 'Helvetica, Arial, sans-serif' }
const SMALL = { color: '#6b7280', fontSize: '13px' }

export function open({ url, papers }) {
  const resend = new Resend('re_bench', { baseUrl: url })
  return {
    async send(number) {
      const list = listReaders(number).map((reader) => ({
        from: FROM,
        to: reader.address,
        subject: SUBJECT,
        react: h(Digest, { papers, reader }),
      }))
      demand(await resend.batch.send(list, { idempotencyKey: `bench-${number}` }))
    },
  }
}

function Digest({ papers, reader }) {
  return h(
    Html,
    { lang: 'en' },
    h(Head),
    h(Preview, null, papers[0].title),
    h(
      Body,
      { style: BODY },
      h(
        Container,
        null,
        h(Heading, null, SUBJECT),
        papers.map((paper) => h(Card, { key: paper.id, paper })),
        h(Hr),
        h(Text, { style: SMALL }, 'You subscribed to this. ', h(Link, { href: reader.link }, 'Unsubscribe')),
      ),
    ),
  )
}

function Card({ paper: { id, title, sentence, votes, comments } }) {
  return h(
    Section,
    null,
    h(Heading, { as: 'h2' }, h(Link, { href: `https://papers.example/papers/${id}` }, title)),
    h(Text, null, sentence),
    h(
      Text,
      { style: SMALL },
      `${votes} votes · ${comments} comments · `,
      h(Link, { href: `https://arxiv.org/pdf/${id}` }, 'PDF'),
    ),
  )
}
