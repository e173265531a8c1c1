// Whether a provider's quota is enough for the readers that there are.

import type { Quota } from '../../delivery/provider/provider.ts'
import type { Allowance } from '../../delivery/provider/quota.ts'
import { counted, grouped } from '../../digest/text/words.ts'
import type { Finding } from '../../errors.ts'

/** A month has at least so many editions. */
const EDITIONS_A_MONTH = 20

/** Judges one provider's quota; `readers` get a digest every day. Pure. */
export function judgeQuota(
  { name, quota }: { name: string; quota: Quota },
  { mails: left }: Pick<Allowance, 'mails'>,
  readers: number,
): Finding[] {
  const { day, month } = quota
  if (day === null && month === null) return []
  const quotas = [
    ...(day === null ? [] : [`${grouped(day)} a day`]),
    ...(month === null ? [] : [`${grouped(month)} a month`]),
  ]
  const says = `the quota of ${name} is ${quotas.join(' and ')}, of which ${grouped(left)} can still go today`
  const most = Math.min(day ?? Number.POSITIVE_INFINITY, (month ?? Number.POSITIVE_INFINITY) / EDITIONS_A_MONTH)
  if (readers <= most) return [{ state: 'ok', says }]
  return [
    {
      state: 'warning',
      says: `${says}, and ${counted(readers, 'reader')} get a digest every day: some wait for another day, fairly`,
      remedy: 'raise the quota at the provider and in SEND_QUOTA, or name a second one in MAIL_PROVIDER',
    },
  ]
}
