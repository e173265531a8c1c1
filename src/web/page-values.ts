// What each page template prints: values ready to be escaped, '' where there is nothing to say. The
// templates leave that out.
import type { Card } from '../digest/card.ts'
import type { EditionValues } from './editions/shown-edition.ts'
import type { LookBackValues } from './reader/preferences/look-back.ts'
import type { PreferencesValues } from './reader/preferences/values.ts'
import type { SubscribeFormValues } from './sign-up/subscribe-form.ts'

/** The values of each template: all of them, as a missing one throws. */
export interface PageValues {
  front: FrontValues
  edition: EditionPageValues
  editions: EditionsValues
  search: SearchValues
  'feed-edition': FeedEditionValues
  view: ViewValues
  subscribe: SubscribeValues
  preferences: PreferencesValues
  'look-back': LookBackValues
  unsubscribe: UnsubscribeValues
  goodbye: GoodbyeValues
  ask: AskValues
  told: ToldValues
  outbox: OutboxValues
  mail: MailValues
  message: MessageValues
}

export type PageName = keyof PageValues

/** The newest papers; no heading when nothing has been collected yet. */
interface FrontValues extends EditionValues {
  /** The edition's own page; ''. */
  datePath: string
  /** When an order becomes final. */
  cutoff: string
  form: SubscribeFormValues
  /** Whether there is an outbox to look at. */
  outbox: boolean
}

/** One date of the archive, or the week that ends with it. */
interface EditionPageValues extends EditionValues {
  /** The neighbours; '' at either end. */
  earlierPath: string
  earlierLabel: string
  laterPath: string
  laterLabel: string
  /** The same date the other way: its week, or its day; ''. */
  otherPath: string
  otherLabel: string
}

/** A month of the archive. */
export interface EditionsValues {
  /** The month in words; '' when nothing has been collected yet. */
  month: string
  days: { label: string; path: string; standing: string; papers: string; first: string; weekPath: string }[]
  /** '' at either end. */
  earlierPath: string
  earlierLabel: string
  laterPath: string
  laterLabel: string
}

/** A part of a text, found or not. */
export interface FoundPart {
  text: string
  marked: boolean
}

/** What was searched for and found. */
export interface SearchValues {
  /** As it was typed. */
  words: string
  /** How much was found, or why nothing. */
  summary: string
  papers: {
    title: FoundPart[]
    paperUrl: string
    authors: string
    excerpt: FoundPart[]
    date: string
    datePath: string
  }[]
  /** '' at either end. */
  earlierPath: string
  laterPath: string
}

/** An edition in a feed, where links are whole. */
interface FeedEditionValues {
  cards: Card[]
  /** The sentence about an edition that may lack papers; ''. */
  note: string
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
