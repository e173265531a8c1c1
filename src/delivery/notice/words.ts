// What each notice says: plain, kind and short. It says who asked, what happens if nothing is done,
// and how long a link works; nothing that a visitor typed stands in a mail to somebody else.
import { NOTICE_VERSION, type Notice } from '../../digest/notice.ts'
import type { SaidContent } from './notice.ts'

/** The links that a notice may offer; those that its kind does not need are left out. */
export interface NoticeLinks {
  /** The page behind the one-time token. */
  own: string | null
  preferences: string | null
  unsubscribe: string | null
}

export interface NoticeWords {
  subject: string
  notice: Notice
}

const TWO_DAYS = 'The link works once, within 48 hours.'

/**
 * Returns subject and words, of version 2 or today's. `name` is what the host calls itself, `site`
 * the host of its pages.
 */
export function wordsOf(
  content: SaidContent,
  links: NoticeLinks,
  { name, site }: { name: string; site: string },
  version: number = NOTICE_VERSION,
): NoticeWords {
  // True in both parts: a mail's text has no button, of which version 2 spoke there too.
  const confirm = version === 2 ? 'Press the button to confirm' : 'Open the link to confirm'
  const action = (label: string, url: string | null) => (url === null ? {} : { action: { label, url } })
  const foot = [
    ...(links.preferences === null ? [] : [{ label: 'Preferences', url: links.preferences }]),
    ...(links.unsubscribe === null ? [] : [{ label: 'Unsubscribe', url: links.unsubscribe }]),
  ]
  switch (content.kind) {
    case 'confirm':
      return {
        subject: `Confirm your subscription to ${name}`,
        notice: {
          title: 'One click to confirm',
          preheader: "You'll get the papers that people vote for, as often as you chose.",
          paragraphs: [
            `Someone, hopefully you, asked at ${site} to get trending research papers at this address.`,
            `${confirm}. ${TWO_DAYS}`,
            "If it wasn't you, do nothing: you won't hear from us again, and we delete the address within a week.",
          ],
          ...action('Confirm my subscription', links.own),
          footer: `You get this because this address was entered at ${site}.`,
        },
      }
    case 'subscribed-already':
      return {
        subject: `You're already subscribed to ${name}`,
        notice: {
          title: "You're already subscribed",
          preheader: 'Nothing has changed. Your preferences are one click away.',
          paragraphs: [
            `Someone, hopefully you, entered this address at ${site}. It is already subscribed, so nothing has changed.`,
            'To get other papers, choose another hour or take a break, open your preferences.',
          ],
          ...action('Open my preferences', links.preferences),
          footer: `You get this because this address was entered at ${site}.`,
          links: foot.slice(1),
        },
      }
    case 'link':
      return {
        subject: `Your link to ${name}`,
        notice: {
          title: 'Your preferences are one click away',
          preheader: 'The link you asked for. It works for 90 days.',
          paragraphs: [
            `Someone, hopefully you, asked at ${site} for a new link to the preferences of this address.`,
            "It works for 90 days. If it wasn't you, do nothing: nothing has changed.",
          ],
          ...action('Open my preferences', links.preferences),
          footer: `You get this because a link was requested at ${site}.`,
          links: foot.slice(1),
        },
      }
    case 'address':
      return {
        subject: `Confirm your new address for ${name}`,
        notice: {
          title: 'Is this your new address?',
          preheader: 'Confirm it to get your papers here from now on.',
          paragraphs: [
            `A reader asked at ${site} to get their papers at this address from now on.`,
            `${confirm} that it is yours. ${TWO_DAYS}`,
            "If it wasn't you, do nothing: everything stays as it is.",
          ],
          ...action('Use this address', links.own),
          footer: `You get this because this address was entered at ${site}.`,
        },
      }
    case 'address-changed':
      return {
        subject: 'Your papers now go to another address',
        notice: {
          title: 'Your address was changed',
          preheader: "If that wasn't you, undo it within seven days.",
          paragraphs: [
            `Your subscription to ${name} was moved to ${content.newAddress}, where the change was confirmed.`,
            'If that was you, there is nothing to do, and this is the last email to this address.',
            "If it wasn't, undo the change: the link works once, for seven days, and turns off all other links.",
          ],
          ...action('Undo the change', links.own),
          footer: `You get this because this address was subscribed at ${site}.`,
        },
      }
    case 'export':
      return {
        subject: `Your data at ${name}`,
        notice: {
          title: 'Everything we keep about you',
          preheader: 'The link you asked for: all of it as one file.',
          paragraphs: [
            `You asked at ${site} for the data kept about you. The link gives you all of it as one file. ${TWO_DAYS}`,
            "If it wasn't you, do nothing: nobody gets anything without this link.",
          ],
          ...action('Get my data', links.own),
          footer: 'You get this because it was requested on the preferences page of this address.',
        },
      }
    case 'erase':
      return {
        subject: `Delete everything ${name} knows about you`,
        notice: {
          title: 'Delete everything about you',
          preheader: 'The link you asked for. Nothing is deleted before you press its button.',
          paragraphs: [
            `You asked at ${site} to be erased. The link opens a page with one button: it ends your subscription and permanently deletes everything kept about you. ${TWO_DAYS}`,
            "If it wasn't you, do nothing: everything stays as it is.",
          ],
          ...action('Delete my data', links.own),
          footer: 'You get this because it was requested on the preferences page of this address.',
        },
      }
    case 'note':
      return {
        subject: content.subject,
        notice: {
          title: content.title,
          preheader: content.paragraphs[0] ?? '',
          paragraphs: content.paragraphs,
          footer: content.why,
          links: foot,
        },
      }
    case 'alarm':
      return {
        subject: content.subject,
        notice: {
          title: content.title,
          preheader: content.paragraphs[0] ?? '',
          paragraphs: content.paragraphs,
          footer: `You get this because OPERATOR_EMAIL at ${site} names this address.`,
        },
      }
  }
}
