// Processes of one database that do not go by the same settings: which of them takes a job decides
// what a reader gets. Each writes with its heartbeat a fingerprint of those that its roles read,
// and schedulers tell where two of them differ.
import { createHash } from 'node:crypto'
import { listApart, sayApart } from '../delivery/sending/heartbeats.ts'
import type { Round } from './round.ts'

export type SettingsRound = Pick<Round, 'host' | 'providers' | 'cutoffMinutes' | 'latenessMs' | 'retentionMs'>

/** Returns fingerprints of what these roles read, by name. A scheduler needs no more than one. */
export function fingerprintsOf(round: SettingsRound, roles: readonly string[]): Record<string, string> {
  const { host, providers, cutoffMinutes, latenessMs, retentionMs } = round
  const values: Record<string, unknown> = { CUTOFF: cutoffMinutes }
  if (roles.some((role) => role !== 'scheduler')) {
    Object.assign(values, {
      PUBLIC_URL: host.publicUrl,
      MAIL_FROM: host.mailFrom,
      POSTAL_ADDRESS: host.postalAddress,
      UNSUBSCRIBE_MAILTO: host.unsubscribeMailto,
      LATENESS: latenessMs,
      RETENTION: retentionMs,
      WARM_UP: providers[0].quota.ramp?.days,
    })
    // By provider, since not all of them need to have the same ones.
    for (const { name, quota, requestsPerSecond, domainRate } of providers) {
      values[`SEND_QUOTA of ${name}`] = [quota.day, quota.month]
      values[`SEND_RATE of ${name}`] = requestsPerSecond
      values[`DOMAIN_RATE of ${name}`] = domainRate
    }
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fingerprint(value)]))
}

function fingerprint(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value ?? null))
    .digest('hex')
    .slice(0, 12)
}

/**
 * Returns what looks and warns, called now and then: once of each setting, at the second look in a
 * row that finds it apart. While processes are replaced, two may differ for a moment.
 */
export function openApartLook({ db, logger }: Pick<Round, 'db' | 'logger'>): () => Promise<void> {
  let looks = new Map<string, number>()
  return async () => {
    const found = await listApart(db)
    looks = new Map(found.map(({ setting }) => [setting, (looks.get(setting) ?? 0) + 1]))
    for (const apart of found) {
      if (looks.get(apart.setting) === 2) logger.warn({ event: 'settings.apart', ...apart }, sayApart(apart))
    }
  }
}
