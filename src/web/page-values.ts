// What each page template prints: values ready to be escaped, '' where there is nothing to say. The templates leave that out.
import type { Card } from '../digest/card.ts'
import type { PreferencesValues } from './preferences-values.ts'
import type { SubscribeFormValues } from './subscribe-form.ts'

/** The values of each template: all of them, as a missing one throws. */
export interface PageValues {
  front: FrontValues
  view: ViewValues
  subscribe: SubscribeValues
  preferences: PreferencesValues
  unsubscribe: UnsubscribeValues
  goodbye: GoodbyeValues
  ask: AskValues
  told: ToldValues
  outbox: OutboxValues
  mail: MailValues
  message: MessageValues
}

export type PageName = keyof PageValues

/** The newest papers. */
interface FrontValues {
  /** '' when nothing has been collected yet. */
  date: string
  /** One line on how many papers and votes there are. */
  summary: string
  /** In a chip beside the date: how final the order is; '' when it is. */
  standing: string
  /** The sentence behind the chip, or behind an edition that may lack papers; ''. */
  note: string
  /** When an order becomes final. */
  cutoff: string
  cards: Card[]
  form: SubscribeFormValues
  /** Whether there is an outbox to look at. */
  outbox: boolean
}

/** A digest in its frame. */
interface ViewValues {
  heading: string
  /** Where the frame's content is. */
  mailPath: string
}

/** The button that ends a subscription. */
interface UnsubscribeValues {
  /** Masked. */
  address: string
  /** Where the buttons post to. */
  path: string
  /** What may be had instead: none for somebody who gets nothing yet. */
  steps: { action: string; label: string; what: string }[]
}

/** The subscribe form alone, as it comes back. */
interface SubscribeValues {
  form: SubscribeFormValues
}

/** One question and the button that answers it. */
export interface AskValues {
  heading: string
  paragraphs: string[]
  path: string
  fields: { name: string; value: string }[]
  button: string
  /** Whether it cannot be taken back. */
  grave: boolean
  links: { path: string; label: string }[]
}

/** What was done, and where to go from here. */
export interface ToldValues {
  heading: string
  paragraphs: string[]
  /** In small print; ''. */
  note: string
  links: { path: string; label: string; first: boolean }[]
}

/** What stands where the button was. */
interface GoodbyeValues {
  /** Masked; '' once erased. */
  address: string
  /** Whether it had ended before this visit. */
  already: boolean
  /** Where the button to come back posts to; '' once it is too late. */
  comeBackPath: string
}

/** The demo's mails of one folder. */
export interface OutboxValues {
  folders: { label: string; mails: string; path: string; current: boolean }[]
  mails: { to: string; subject: string; reader: string; size: string; written: string; path: string }[]
  /** Which of how many mails the page shows; ''. */
  range: string
  /** '' at either end. */
  newerPath: string
  olderPath: string
}

/** One of them. */
export interface MailValues {
  subject: string
  from: string
  to: string
  /** What this reader chose, in words; '' for an address that is no subscriber's. */
  reader: string
  written: string
  /** Of the HTML part: mail programs cut what is too long. */
  size: string
  text: string
  headers: { name: string; value: string }[]
  listPath: string
  htmlPath: string
  sourcePath: string
  /** The neighbours in the folder; '' at either end. */
  newerPath: string
  olderPath: string
}

/** A page that is a heading and a sentence. */
interface MessageValues {
  heading: string
  text: string
}
