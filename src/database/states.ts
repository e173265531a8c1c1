// The closed lists of states that columns hold. The checks in migrations/ repeat them.

export type EditionKind = 'daily' | 'weekly'

/**
 * open: votes still count · held: the guard doubts the list · frozen: ranked for good · empty:
 * nothing to rank, see reason.
 */
export type EditionState = 'open' | 'held' | 'frozen' | 'empty'

export type Section = 'ranked' | 'rising' | 'late'

/** How much of each paper a mail prints. */
export const LENGTHS = ['titles', 'short', 'full'] as const
export type Length = (typeof LENGTHS)[number]

export const CADENCES = ['daily', 'working-days', 'weekly'] as const
export type Cadence = (typeof CADENCES)[number]

/**
 * What a reader gets on a day that leaves them without a digest: nothing, or a short note that says
 * why.
 */
export const SILENCES = ['silent', 'note'] as const
export type Silence = (typeof SILENCES)[number]

export type Consent = 'pending' | 'confirmed' | 'unsubscribed'

/**
 * As stored. Attempting, deferred and a replayable unknown live on the batch: a delivery is written
 * at planning and at settling only.
 */
export type DeliveryState = 'planned' | 'submitted' | 'unknown' | 'rejected' | 'withheld'

/** The provider's, in rising order: a later report never lowers it. */
export type Fate = 'none' | 'delayed' | 'delivered' | 'bounced' | 'failed' | 'suppressed' | 'complained'

/** What a provider reports of a mail, in our words. `other` changes nothing. */
export type ReportType =
  | 'sent'
  | 'delayed'
  | 'delivered'
  | 'soft-bounce'
  | 'hard-bounce'
  | 'failed'
  | 'suppressed'
  | 'complained'
  | 'other'

export type BatchState = 'planned' | 'attempting' | 'deferred' | 'unknown' | 'settled' | 'halved'

/** What a mail that is not a digest is about. */
export type NoticeKind =
  | 'confirm'
  | 'subscribed-already'
  | 'address'
  | 'address-changed'
  | 'export'
  | 'erase'
  | 'note'
  | 'link'
  | 'test'
  | 'alarm'
  | 'report'

/** Why somebody left, if they said. */
export type LeavingReason = 'too-many' | 'off-topic' | 'not-useful' | 'elsewhere' | 'other'

export type NoticeState = 'planned' | 'attempting' | 'deferred' | 'unknown' | 'submitted' | 'rejected' | 'withheld'

/** What became of a one-time link that is of no use any more. */
export type CredentialFate = 'used' | 'replaced' | 'expired' | 'withdrawn'

/** What a one-time link does when its button is pressed. */
export type CredentialPurpose = 'confirm' | 'address' | 'export' | 'erase' | 'undo'
