// Judges a seeded history by what the provider accepted: nobody twice, nobody forgotten, nobody who
// had left before the mark; and a ledger that says the same.
import { sql } from 'kysely'
import { getAccounts } from '../../../../src/delivery/account/accounting.ts'
import { addsUp } from '../../../../src/delivery/delivery.ts'
import { isGone, say, type World } from './world.ts'

/** Looks at what was accepted since the last look. */
export function judgeStep(world: World): void {
  const { memory, problems, readers, marked } = world
  for (const mail of memory.accepted.slice(world.counts.emails)) {
    const name = `${mail.to.split('@')[0]} of ${mail.edition}`
    const same = memory.accepted.filter(({ to, edition }) => to === mail.to && edition === mail.edition)
    if (same.length > 1) problems.push(`doubled: ${name}`)
    const reader = readers.find(({ address }) => address === mail.to)
    const step = marked.get(mail.key)
    if (step !== undefined && reader && isGone(reader, step)) problems.push(`left before the mark: ${name}`)
  }
  world.counts.emails = memory.accepted.length
  problems.push(...memory.broken.splice(0))
}

/** Looks at the ledger once everything has run out. */
export async function judge(world: World): Promise<void> {
  judgeStep(world)
  const { memory, problems, readers, editions, round } = world
  for (const { id, date } of editions) {
    const accounts = await getAccounts(round.db, id)
    if (!addsUp(accounts)) problems.push(`accounts of ${date} do not add up: ${JSON.stringify(accounts)}`)
  }
  const { rows } = await sql<{
    date: string
    address: string
    state: string
    reason: string | null
    isForGood: boolean
  }>`
    select e.date, s.address, d.state, d.reason, coalesce(b.state = 'unknown' and b.next_attempt_at = 'infinity', false) as "isForGood"
    from deliveries d join editions e on e.id = d.edition_id join subscribers s on s.id = d.subscriber_id
    left join batches b on b.id = d.batch_id order by 1, 2`.execute(round.db)
  for (const row of rows) say(world, `ledger: ${row.date} ${row.address}: ${row.state}, ${row.reason ?? 'no reason'}`)
  for (const { date } of editions) {
    for (const { address, name, everLeft } of readers) {
      const isAccepted = memory.accepted.some(({ to, edition }) => to === address && edition === `${date} daily`)
      const row = rows.find((each) => each.date === date && each.address === address)
      const says = row?.state === 'planned' && row.isForGood ? 'unknown' : (row?.state ?? 'nothing')
      const about = `${name} of ${date}`
      if (says === 'planned') problems.push(`lost: ${about} waits for ever`)
      if (says === 'nothing' && !isAccepted && !everLeft) problems.push(`lost: ${about} is in no ledger`)
      if (says === 'submitted' && !isAccepted) problems.push(`lost: ${about} is submitted by the ledger alone`)
      if ((says === 'withheld' || says === 'rejected') && isAccepted) {
        problems.push(`accepted, and ${says} by the ledger: ${about}`)
      }
      if (says === 'withheld' && row?.reason === null) problems.push(`withheld without a reason: ${about}`)
    }
  }
}
