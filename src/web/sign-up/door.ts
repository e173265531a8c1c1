// Lets a sign-up in, asks it for a proof, or refuses it. It is asked by where it comes from and by
// how much is going on, never by its address: what the answer is says nothing of who is subscribed.
import type { Context } from 'hono'
import { getConfirmedOfHost, markAnswered } from '../../subscriber/sign-up-counts.ts'
import { hostOfAddress } from '../../subscriber/subscriber.ts'
import { networkNames, type ReaderParts } from '../visit/reader-parts.ts'
import { type Proof, takeProof } from './proof.ts'

/** What happens at the door; a refusal in seconds to wait. */
export type Judged = { kind: 'in' } | { kind: 'asked'; ticket: string } | { kind: 'refused'; waitS: number }

/** Sign-ups that a host nobody confirmed at takes in an hour, half of them after a challenge. */
const HOST_HOURLY = 60
/** One more an hour for so many who confirmed, up to a host of 20,000 readers. */
const CONFIRMED_A_SIGN_UP = 10
const CONFIRMED_COUNTED = 20_000

/**
 * Judges a sign-up for an address, and counts it. Whoever is asked before a ticket's time is up
 * keeps that ticket.
 */
export async function judge(
  c: Context,
  parts: ReaderParts,
  address: string,
  brought: { solution: string; ticket: string },
): Promise<Judged> {
  const judged = await decide(networkNames(c, parts), parts, address, brought)
  const { db } = parts
  if (judged.kind !== 'in') await markAnswered(db, judged.kind === 'asked' ? 'challenged' : 'refused')
  return judged
}

async function decide(
  networks: readonly [string, ...string[]],
  { db, limits, formKeys }: ReaderParts,
  address: string,
  brought: { solution: string; ticket: string },
): Promise<Judged> {
  const proof = await takeProof(brought, formKeys, limits)
  if (proof === 'early') return { kind: 'asked', ticket: brought.ticket }
  if (proof === 'none' && (await limits.isAsked(networks))) return { kind: 'asked', ticket: '' }
  const waitS = await limits.takeSignUp(networks)
  if (waitS > 0) return { kind: 'refused', waitS }
  await limits.takeOfAll()
  const host = hostOfAddress(address)
  const hourly = HOST_HOURLY + Math.floor((await getConfirmedOfHost(db, host, CONFIRMED_COUNTED)) / CONFIRMED_A_SIGN_UP)
  const solver = proof === 'solved' ? (networks.at(-1) ?? null) : null
  const hostWaitS = await limits.takeHost(formKeys.nameOf(`host:${host}`), hourly, solver)
  if (hostWaitS === 0) {
    await count(db, proof)
    return { kind: 'in' }
  }
  if (proof === 'solved') return { kind: 'refused', waitS: hostWaitS }
  // From now on everybody is asked, whatever their address: the other half is for who solves.
  await limits.markBusy()
  return { kind: 'asked', ticket: '' }
}

async function count(db: ReaderParts['db'], proof: Proof): Promise<void> {
  await markAnswered(db, 'taken')
  if (proof === 'solved' || proof === 'waited') await markAnswered(db, proof)
}
