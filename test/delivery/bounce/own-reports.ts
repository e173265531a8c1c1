// Shapes written by hand: see reports/README.md. Each stands for what one kind of server, reader or
// stranger sends.
import type { Shape } from './known-reports.ts'

const head = (fields: string) =>
  `Date: Thu, 05 Mar 2026 12:00:00 +0000
From: Mail Delivery System <mailer-daemon@mx.readers.example>
To: bounces@papers.example
Subject: about your message
MIME-Version: 1.0
${fields}`

interface Status {
  action: string
  status: string
  words?: string
  recipient?: string
}

export function statusPart({ action, status, words, recipient = 'ada@readers.example' }: Status): string {
  return `Final-Recipient: rfc822; ${recipient}
Action: ${action}
Status: ${status}${words === undefined ? '' : `\nDiagnostic-Code: smtp; ${words}`}`
}

/** A notification by RFC 3464, with as many recipients as there are parts. */
export function notification(...parts: string[]): string {
  return `${head('Auto-Submitted: auto-replied\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"')}

--b
Content-Type: text/plain

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.readers.example

${parts.join('\n\n')}

--b
Content-Type: text/rfc822-headers

From: Papers <papers@papers.example>
Subject: papers

--b--
`
}

export function feedback(fields: string): string {
  return `${head('Content-Type: multipart/report; report-type=feedback-report; boundary="b"')}

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

${fields}

--b
Content-Type: message/rfc822

From: Papers <papers@papers.example>
Subject: papers

papers

--b--
`
}

const answer = (fields: string, text: string) => `${head(`${fields}\nContent-Type: text/plain`)}\n\n${text}\n`

const shape = (name: string, source: string, kind: Shape['kind'], type: Shape['type'] = null): Shape => ({
  name,
  source,
  kind,
  type,
})
const status = (name: string, type: Shape['type'], ...parts: Status[]) =>
  shape(name, notification(...parts.map(statusPart)), 'delivery-status', type)

const GONE = { action: 'failed', status: '5.1.1', words: '550 5.1.1 User unknown' }

/** Of our server, or of a mailbox for a while, however much it sounds as if nobody were there. */
const ABOUT_US: [status: string, words: string][] = [
  ['5.7.1', '550 5.7.1 <mx.papers.example>: Helo command rejected: Host not found'],
  ['5.0.0', '550 Invalid HELO name'],
  ['5.0.0', '550 HELO host not found'],
  ['5.0.0', '550 SPF check failed: domain not found in record'],
  ['5.0.0', '550 Cannot resolve PTR: host not found'],
  ['5.0.0', '550 The sending domain does not exist'],
  ['5.7.1', '550 5.7.1 Requested action not taken: mailbox unavailable. Your IP is on a blocklist'],
  ['5.7.1', '550 5.7.1 Client host rejected: cannot find your hostname, host unknown'],
  ['5.7.1', '550 5.7.1 Message rejected due to user not found in policy'],
  ['5.7.1', '550 5.7.1 This message has been blocked as spam; account disabled for details'],
  ['5.0.0', '550 SC-001 Mail rejected by Outlook.com for policy reasons. mailbox unavailable'],
  ['5.0.0', '550 Administrative prohibition'],
  [
    '5.2.1',
    '550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages',
  ],
  ['5.2.1', '550 5.2.1 The user you are trying to contact is receiving mail too quickly'],
  ['5.2.1', '550 5.2.1 not now'],
  ['5.2.2', '552 5.2.2 Recipient storage limit exceeded'],
]
/** Nobody is there, whatever stands beside it. */
const ABOUT_NOBODY: [status: string, words: string][] = [
  [
    '5.1.1',
    'host mx.readers.example said: 550 5.1.1 User unknown in relay recipient table (in reply to RCPT TO command)',
  ],
  ['5.1.1', '550 5.1.1 Recipient address rejected: user unknown; see our policy'],
  ['5.1.10', '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'],
  ['5.5.0', '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)'],
  ['5.0.0', "554 delivery error: dd This user doesn't have a yahoo.com account [0] - mta1.mail.yahoo.com"],
  ['5.3.0', '553 5.3.0 Addressee unknown, relay=[192.0.2.1]'],
  ['5.7.1', '550 5.7.1 Recipient address rejected: User unknown'],
]

export const OWN: readonly Shape[] = [
  ...ABOUT_US.map(([code, words]) => status(words, 'soft-bounce', { action: 'failed', status: code, words })),
  ...ABOUT_NOBODY.map(([code, words]) => status(words, 'hard-bounce', { action: 'failed', status: code, words })),
  status('a mailbox that is gone', 'hard-bounce', GONE),
  status('a domain that is gone', 'hard-bounce', {
    action: 'failed',
    status: '5.4.4',
    words: 'Host or domain name not found',
  }),
  status('an account that was closed', 'hard-bounce', {
    action: 'failed',
    status: '5.2.1',
    words: '550 5.2.1 account disabled',
  }),
  status('no code but the server’s', 'hard-bounce', {
    action: 'failed',
    status: '5.0.0',
    words: '550 no such user here',
  }),
  status('a code in other words', 'hard-bounce', {
    action: 'Failed (permanent)',
    status: '5.1.10 (unknown)',
    words: '550 5.1.10 RESOLVER.ADR.RecipientNotFound',
  }),
  status('a full mailbox', 'soft-bounce', { action: 'failed', status: '5.2.2', words: '552 5.2.2 over quota' }),
  status('a mail taken for spam', 'soft-bounce', {
    action: 'failed',
    status: '5.7.1',
    words: '550 5.7.1 message looks like spam',
  }),
  status('a sender that is refused', 'soft-bounce', {
    action: 'failed',
    status: '5.1.8',
    words: '553 5.1.8 domain of sender address does not exist',
  }),
  status('an address of ours on a list', 'soft-bounce', {
    action: 'failed',
    status: '5.0.0',
    words: '554 invalid IP for sending mail of domain papers.example',
  }),
  status('given up after five days', 'soft-bounce', {
    action: 'failed',
    status: '4.4.7',
    words: '450 4.2.0 greylisted',
  }),
  status('a warning of postfix', 'delayed', {
    action: 'delayed',
    status: '4.4.1',
    words: 'connect to mx.readers.example: timed out',
  }),
  status('an arrival', 'delivered', { action: 'delivered', status: '2.1.5' }),
  status('a relay that tells no more', 'sent', { action: 'relayed', status: '2.1.9' }),
  // A list behind the address: whoever was reached was reached.
  status(
    'one of two that it led to',
    'soft-bounce',
    { ...GONE, recipient: 'a@other.example' },
    { action: 'failed', status: '4.2.2', recipient: 'b@other.example' },
  ),
  shape(
    'addresses beyond ASCII (RFC 6533)',
    notification(statusPart(GONE))
      .replace('message/delivery-status\n', 'message/global-delivery-status\n')
      .replace('rfc822; ada@readers.example', 'utf-8; adä@readers.example'),
    'delivery-status',
    'hard-bounce',
  ),
  shape(
    'a part in base64',
    notification('PART').replace(
      /Content-Type: message\/delivery-status\n\n[\s\S]*?PART/,
      `Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n${Buffer.from(`Reporting-MTA: dns; mx\n\n${statusPart(GONE)}\n`).toString('base64')}`,
    ),
    'delivery-status',
    'hard-bounce',
  ),
  shape(
    'a report inside a list’s footer',
    notification(statusPart(GONE)).replace('multipart/report; report-type=delivery-status', 'multipart/mixed'),
    'delivery-status',
    'hard-bounce',
  ),
  shape(
    'a complaint of Yahoo',
    feedback('Feedback-Type: abuse\nUser-Agent: Yahoo!-Mail-Feedback/2.0\nVersion: 0.1'),
    'complaint',
    'complained',
  ),
  shape(
    'a complaint without the address',
    feedback('Feedback-Type: abuse\nVersion: 1\nRedacted-Address: redacted@'),
    'complaint',
    'complained',
  ),
  shape(
    'a complaint of Hotmail’s older programme',
    `${head('Content-Type: multipart/mixed; boundary="b"')}

--b
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: ada@readers.example
From: Papers <papers@papers.example>

papers

--b--
`,
    'complaint',
    'complained',
  ),
  shape('"this is no spam"', feedback('Feedback-Type: not-spam\nVersion: 1'), 'no-report'),
  shape('a failed DKIM signature', feedback('Feedback-Type: auth-failure\nVersion: 1'), 'no-report'),
  shape(
    'an out-of-office of Exchange',
    answer('X-Auto-Response-Suppress: All', 'I am away until Monday. User unknown to my colleagues.'),
    'auto-reply',
  ),
  shape('a vacation of Gmail', answer('Auto-Submitted: auto-replied\nPrecedence: bulk', 'On holidays.'), 'auto-reply'),
  shape(
    'a challenge',
    answer('Auto-Submitted: auto-replied', 'Please confirm that you are a person: https://readers.example/c/1'),
    'auto-reply',
  ),
  shape(
    'a receipt of reading (RFC 8098)',
    `${head('Content-Type: multipart/report; report-type=disposition-notification; boundary="b"')}

--b
Content-Type: text/plain

Your message was displayed.

--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; ada@readers.example
Disposition: manual-action/MDN-sent-manually; displayed

--b--
`,
    'auto-reply',
  ),
  shape(
    'a person’s answer',
    answer('In-Reply-To: <1@papers.example>', 'Thanks! By the way, user unknown 550 5.1.1.'),
    'no-report',
  ),
  shape(
    'a person who quotes a report',
    answer('X-Mailer: a', `What is this?\n\n${notification(statusPart(GONE)).replace(/^/gm, '> ')}`),
    'no-report',
  ),
  shape(
    'a report that was forwarded',
    `${head('Content-Type: multipart/mixed; boundary="outer"')}

--outer
Content-Type: text/plain

What does this mean?

--outer
Content-Type: message/rfc822
Content-Disposition: inline

${notification(statusPart(GONE))}
--outer--
`,
    'no-report',
  ),
  shape('a report of nothing', notification('X-Nothing: at all'), 'auto-reply'),
]
