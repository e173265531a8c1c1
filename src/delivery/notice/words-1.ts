// What notices of version 1 said. Frozen: what was attempted in these words is repeated in them.
import type { SaidContent } from './notice.ts'
import type { NoticeLinks, NoticeWords } from './words.ts'

const TWO_DAYS = 'The link works once, for 48 hours.'

/**
 * Returns subject and words. `name` is what the host calls itself, `site` the host of its pages.
 */
export function wordsOf1(
  content: SaidContent,
  links: NoticeLinks,
  { name, site }: { name: string; site: string },
): NoticeWords {
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
          title: 'One click, and the papers come',
          preheader: 'Confirm that this address is yours.',
          paragraphs: [
            `Somebody, hopefully you, asked at ${site} for trending papers at this address.`,
            `Please confirm, and they will come. ${TWO_DAYS}`,
            'If it was not you, do nothing: no further mail comes, and the address is forgotten within a week.',
          ],
          ...action('Confirm my subscription', links.own),
          footer: `You get this because this address was entered at ${site}.`,
        },
      }
    case 'subscribed-already':
      return {
        subject: `You are subscribed to ${name} already`,
        notice: {
          title: 'You are subscribed already',
          preheader: 'Nothing has changed.',
          paragraphs: [
            `Somebody, hopefully you, entered this address at ${site}. It is subscribed already, so nothing has changed.`,
            'If you want other papers, another hour or a pause, your preferences are one click away.',
          ],
          ...action('My preferences', links.preferences),
          footer: `You get this because this address was entered at ${site}.`,
          links: foot.slice(1),
        },
      }
    case 'link':
      return {
        subject: `Your link to ${name}`,
        notice: {
          title: 'Your preferences are one click away',
          preheader: 'The link you asked for.',
          paragraphs: [
            `Somebody, hopefully you, asked at ${site} for a fresh link to the preferences of this address.`,
            'It works for 90 days. If it was not you, do nothing: nothing has changed.',
          ],
          ...action('My preferences', links.preferences),
          footer: `You get this because a link was asked for at ${site}.`,
          links: foot.slice(1),
        },
      }
    case 'address':
      return {
        subject: `Confirm your new address for ${name}`,
        notice: {
          title: 'Is this your new address?',
          preheader: 'Confirm it, and your papers come here.',
          paragraphs: [
            `A reader asked at ${site} to get their papers at this address from now on.`,
            `Please confirm that it is yours. ${TWO_DAYS}`,
            'If it was not you, do nothing: everything stays as it is.',
          ],
          ...action('Use this address', links.own),
          footer: `You get this because this address was entered at ${site}.`,
        },
      }
    case 'address-changed':
      return {
        subject: `Your papers go to another address now`,
        notice: {
          title: 'Your address was changed',
          preheader: 'If that was not you, take it back.',
          paragraphs: [
            `Your subscription to ${name} was moved to ${content.newAddress}, where the change was confirmed.`,
            'If that was you, nothing more is to be done, and this is the last mail to this address.',
            'If it was not, take it back: the link works once, for seven days, and makes all other links useless.',
          ],
          ...action('Take it back', links.own),
          footer: `You get this because this address was subscribed at ${site}.`,
        },
      }
    case 'export':
      return {
        subject: `Your data at ${name}`,
        notice: {
          title: 'Everything kept about you',
          preheader: 'The link you asked for.',
          paragraphs: [
            `You asked at ${site} for the data kept about you. The link gives you all of it as one file. ${TWO_DAYS}`,
            'If it was not you, do nothing: nobody gets anything without this link.',
          ],
          ...action('Get my data', links.own),
          footer: `You get this because it was asked for on the preferences page of this address.`,
        },
      }
    case 'erase':
      return {
        subject: `Erase what ${name} knows of you`,
        notice: {
          title: 'Erase everything about you',
          preheader: 'The link you asked for.',
          paragraphs: [
            `You asked at ${site} to be erased. Behind the link one button ends your subscription and removes everything kept about you, for good. ${TWO_DAYS}`,
            'If it was not you, do nothing: everything stays as it is.',
          ],
          ...action('Erase me', links.own),
          footer: `You get this because it was asked for on the preferences page of this address.`,
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
