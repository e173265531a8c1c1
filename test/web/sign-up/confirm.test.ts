// What the page behind a confirmation says of the first digest is true: on its way where there is
// an edition, the archive's on a host's first day, and announced where there is none yet.
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { signUp } from '../../../src/delivery/request/sign-up.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { getAddressKey } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { ensureSuppression, pruneSuppression } from '../../../src/subscriber/suppression.ts'
import { makeAsk } from '../../support/asks.ts'
import { readToken } from '../../support/notices.ts'
import { freezeEdition } from '../../support/round.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()

/** Signs up, opens the page of the mail and presses its button. */
async function subscribe(address: string): Promise<{ asked: string; told: string }> {
  const notice = await signUp(web.round, address, { ...makeAsk(), welcome: true })
  const path = `/confirm/${await readToken(web.round, notice)}`
  const asked = await (await web.app.request(path)).text()
  const told = await (await web.app.request(path, { method: 'POST' })).text()
  return { asked, told }
}

it('promises the latest edition only where there is one, of the archive too, and it goes', async () => {
  const early = await subscribe('early@example.org')
  expect(early.asked).not.toContain('right away')
  expect(early.told).toContain('No edition has been made yet: your first digest comes with the first one.')
  expect(early.told).not.toContain('on its way')

  const edition = await freezeEdition(web.round, '2026-03-05')
  await sql`update editions set archive = true`.execute(web.round.db)
  const later = await subscribe('later@example.org')
  expect(later.asked).toContain('The latest edition comes right away.')
  expect(later.told).toContain('The latest edition is on its way to you now.')
  await planDue(web.round)
  const { rows } = await sql<{ address: string | null }>`
    select s.address from deliveries d join subscribers s on s.id = d.subscriber_id where d.edition_id = ${edition.id}`.execute(
    web.round.db,
  )
  expect(rows.map(({ address }) => address)).toContain('later@example.org')
})

it('says so where the address must not be written to, and works once it may', async () => {
  const address = 'ada@example.org'
  const notice = await signUp(web.round, address, { ...makeAsk(), welcome: false })
  const path = `/confirm/${await readToken(web.round, notice)}`
  await ensureSuppression(web.round.db, hashAddress(await getAddressKey(web.round.db), address), 'operator', new Date())
  for (const method of ['GET', 'POST', 'GET']) {
    const answer = await web.app.request(path, { method })
    const html = await answer.text()
    expect([answer.status, html.includes('We do not write to a•••@example.org')]).toEqual([409, true])
    expect(html).not.toContain('<button')
  }
  await pruneSuppression(web.round.db, address, new Date())
  expect(await (await web.app.request(path)).text()).toContain('Confirm your subscription?')
  const told = await (await web.app.request(path, { method: 'POST' })).text()
  expect(told).toMatch(/You(&#x27;|')re subscribed/)
})
