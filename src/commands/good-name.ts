// What concerns the sender's good name, as people read it: a ramp, hosts that ask for less, and the
// last days' complaints and bounces.
import type { SlowHost } from '../delivery/provider/host-paces.ts'
import type { RampDay } from '../delivery/provider/ramp.ts'
import { SUBMITTED_MIN } from '../delivery/sending/brake.ts'
import type { Shares } from '../delivery/sending/good-name.ts'
import { counted, grouped } from '../digest/text/words.ts'
import { momentInWords } from './accounts.ts'

/** Returns one line, nothing where there is no ramp or it is over. */
export function rampLines(ramp: RampDay | null): string[] {
  if (ramp === null) return []
  const { domain, day, of, begun, readers, left } = ramp
  const rest = begun
    ? `${grouped(left)} of ${counted(readers, 'reader')} left today`
    : `${counted(readers, 'reader')} once it sends`
  return [`${domain} is new: day ${day} of ${of} of its ramp, ${rest}.`]
}

/** Returns a line a host that asked for less. */
export function slowHostLines(hosts: readonly SlowHost[]): string[] {
  return hosts.map(
    ({ host, perMinute, since, reason }) =>
      `${host} gets ${counted(Math.max(1, Math.round(perMinute)), 'email')} a minute, more as time goes by: on ${momentInWords(since)} it said "${reason}".`,
  )
}

/** Returns a line a window in which anything was sent. */
export function shareLines(shares: readonly Shares[]): string[] {
  return shares
    .filter(({ sent }) => sent > 0)
    .map(({ days, sent, complaints, complaintShare, bounces, bounceShare }) => {
      const said = (count: number, what: string, share: number | null, limit: string) =>
        `${counted(count, what)}${share === null ? '' : ` (${(share * 100).toFixed(2)} %; ${limit})`}`
      const judged = complaintShare === null ? ` Fewer than ${grouped(SUBMITTED_MIN)} are not judged.` : ''
      return `Within ${days} days: ${counted(sent, 'email')} sent, ${said(complaints, 'complaint', complaintShare, 'stay under 0.1 %, never reach 0.3 %')}, ${said(bounces, 'hard bounce', bounceShare, 'stay under 2 %')}.${judged}`
    })
}
