// The demo's readers: a dozen at reserved example domains, each wanting something visibly
// different; more on request.
import { type Choices, parseChoices, type Rhythm } from '../subscriber/preferences.ts'
import type { NewSubscriber } from '../subscriber/store.ts'

interface Sample extends Partial<Rhythm>, Partial<Choices> {
  name: string
  pausedUntil?: string
}

const SAMPLES: readonly Sample[] = [
  { name: 'ada' },
  { name: 'grace', length: 'titles', papers: 25, hour: 6, zone: 'America/New_York' },
  { name: 'alan', length: 'full', papers: 3, include: ['reinforcement learning'], hour: 8, zone: 'Europe/London' },
  {
    name: 'emmy',
    cadence: 'working-days',
    include: ['agents', 'LLM'],
    mute: ['chain-of-thought'],
    hour: 9,
    zone: 'Europe/Berlin',
  },
  { name: 'srinivasa', papers: 5, hour: 7, zone: 'Asia/Kolkata' },
  { name: 'kiyoshi', length: 'full', papers: 5, mute: ['LLMs', 'agents'], hour: 6, zone: 'Asia/Tokyo' },
  { name: 'maryam', minimumVotes: 20, hour: 19, zone: 'America/Los_Angeles' },
  {
    name: 'edsger',
    onlyWithCode: true,
    papers: 15,
    include: ['reasoning', 'computer use', '3D'],
    includeMeans: 'only',
    zone: 'Europe/Amsterdam',
  },
  { name: 'katherine', cadence: 'weekly', weekday: 6, papers: 20, hour: 8, zone: 'America/Chicago' },
  // Finds an author she follows on the first day, what leads on the second.
  {
    name: 'teuila',
    papers: 1,
    length: 'full',
    authors: ['Ziyu Liu'],
    organisations: ['Google DeepMind'],
    hour: 7,
    zone: 'Pacific/Kiritimati',
  },
  // Asks for more votes than any paper of the sample has: withheld, with a reason.
  { name: 'kurt', minimumVotes: 5_000, zone: 'Europe/Vienna' },
  { name: 'sofia', length: 'titles', zone: 'Europe/Stockholm', pausedUntil: '2999-12-31' },
]

/** Names the paused ones and until when: they are not due, which is part of what the demo shows. */
export const PAUSED = SAMPLES.flatMap(({ name, pausedUntil }) =>
  pausedUntil === undefined ? [] : [{ address: `${name}@example.org`, until: pausedUntil }],
)

export const SAMPLE_COUNT = SAMPLES.length

/**
 * Lists sample subscribers number `from` to `to` (from 1, `to` included); past the dozen their
 * wishes repeat.
 */
export function sampleSubscribers(from: number, to: number): NewSubscriber[] {
  const list: NewSubscriber[] = []
  for (let number = from; number <= to; number++) {
    const sample = SAMPLES[(number - 1) % SAMPLES.length] as Sample
    const address =
      number <= SAMPLES.length ? `${sample.name}@example.org` : `reader-${String(number).padStart(7, '0')}@example.net`
    list.push(subscriberFrom(sample, address))
  }
  return list
}

function subscriberFrom(
  { name, pausedUntil, cadence, weekday, hour, zone, ...choices }: Sample,
  address: string,
): NewSubscriber {
  return {
    address,
    cadence: cadence ?? 'daily',
    weekday: weekday ?? 1,
    hour: hour ?? 7,
    zone: zone ?? 'UTC',
    choices: parseChoices(choices),
    consentSource: 'demo',
  }
}
