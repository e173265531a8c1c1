// Whether reports about mails find their way back: the domain's mail servers, how it agrees with
// the sender's, and the mailbox. Reading it is left to whoever does so.
import { type MailboxSettings, openMailbox, reasonOf } from '../../delivery/bounce/mailbox.ts'
import { toReason } from '../../delivery/provider/outside.ts'
import { counted } from '../../digest/text/words.ts'
import type { Finding } from '../../errors.ts'
import { type Dns, domainOf } from './sender.ts'

/** Judges the DNS of the domain that bounces come to. Rejects when nobody answers. */
export async function judgeBounceDomain(
  ask: Dns['mailServers'],
  { domain }: { domain: string },
  mailFrom: string,
): Promise<Finding[]> {
  const servers = await ask(domain)
  const says = (what: string) => `bounces to ${domain}: ${what}`
  const remedy = `put an MX record at ${domain} that names the server of the mailbox`
  const findings: Finding[] =
    servers.length === 0
      ? [{ state: 'error', says: says('no mail server takes them (there is no MX record)'), remedy }]
      : servers.every((name) => name === '' || name === '.')
        ? [{ state: 'error', says: says('the domain says that it takes no mail'), remedy }]
        : [{ state: 'ok', says: says(`${servers.join(', ')} takes them`) }]
  const from = domainOf(mailFrom)
  if (!isAligned(domain, from)) {
    findings.push({
      state: 'warning',
      says: `SPF speaks for ${domain}, which is not under ${from}: DMARC then holds by DKIM alone`,
      remedy: `take a BOUNCE_ADDRESS at ${from} or below it`,
    })
  }
  return findings
}

/** Logs in and opens the mailbox, and takes nothing. */
export async function judgeMailbox(settings: MailboxSettings): Promise<Finding[]> {
  const name = `${settings.host}:${settings.port}`
  try {
    const mailbox = await openMailbox(settings)
    const waiting = mailbox.count()
    await mailbox.close()
    const messages =
      waiting === 0 ? 'nothing waits there' : `${counted(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} there`
    return [{ state: 'ok', says: `the mailbox at ${name} lets us in, and ${messages}` }]
  } catch (error) {
    const says = `the mailbox at ${name} cannot be read: ${toReason(reasonOf(error))}`
    return [{ state: 'error', says, remedy: 'see host, port, user, password and folder in BOUNCE_IMAP_URL' }]
  }
}

/** One name under the other: what receivers take for one organisation, as far as names tell. */
function isAligned(a: string, b: string): boolean {
  const isUnder = (name: string, other: string) => name === other || name.endsWith(`.${other}`)
  const parent = (name: string) => name.split('.').slice(1).join('.')
  return isUnder(a, b) || isUnder(b, a) || (parent(a) === parent(b) && parent(a).includes('.'))
}
