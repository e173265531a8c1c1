// What shows that a sign-up is not one of thousands: a solved challenge (ALTCHA's proof of work, on
// our own pages and by our own files), or, without script, a ticket that was waited with. Each
// counts once. Nothing in them tells who asks, or for which address.
import { randomBytes } from 'node:crypto'
import { createChallenge, randomInt, verifySolution } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import * as z from 'zod'
import type { FormKeys } from '../visit/form-keys.ts'
import { type Limits, TICKET_LIFE_S } from '../visit/limits.ts'

/** `early`: a ticket that has not waited long enough. */
export type Proof = 'none' | 'early' | 'solved' | 'waited'

/**
 * What a challenge costs: this many rounds of SHA-256 a try, and so many tries. Three million
 * rounds are half a second of a laptop and some five of a slow phone.
 */
const ROUNDS = 2_000
const TRIES = { min: 1_000, max: 1_500 }
const CHALLENGE_LIFE_MS = 10 * 60_000
/** How long a ticket has to be waited with, in seconds; the stylesheet shows the button then. */
export const WAIT_S = 20

const NONCE = /^[0-9a-f]{32}$/
/** Signed parameters are ours to the field: one more, and a stranger's nesting would be walked. */
const payload = z.object({
  challenge: z.object({
    parameters: z.strictObject({
      algorithm: z.string(),
      nonce: z.string().regex(NONCE),
      salt: z.string().regex(NONCE),
      cost: z.number(),
      keyLength: z.number(),
      keyPrefix: z.string(),
      expiresAt: z.number(),
      keySignature: z.string(),
    }),
    signature: z.string(),
  }),
  solution: z.object({ counter: z.number(), derivedKey: z.string() }),
})

/** Makes a challenge, as the JSON that the page's script solves. */
export async function makeChallenge(formKeys: FormKeys): Promise<string> {
  return JSON.stringify(
    await createChallenge({
      algorithm: 'PBKDF2/SHA-256',
      cost: ROUNDS,
      counter: randomInt(TRIES.max, TRIES.min),
      deriveKey,
      expiresAt: new Date(Date.now() + CHALLENGE_LIFE_MS),
      ...secretsOf(formKeys),
    }),
  )
}

/** Opens a ticket for a network; '' where it has as many open as it may. */
export async function openTicket(formKeys: FormKeys, limits: Limits, network: string): Promise<string> {
  if (!(await limits.takeTicket(network))) return ''
  const id = randomBytes(9).toString('base64url')
  const stamp = formKeys.stamp(new Date())
  return `${stamp}.${id}.${signTicket(formKeys, stamp, id)}`
}

/** Reads what a form brings, and uses it up. Whatever is forged, old or used is `none`. */
export async function takeProof(
  { solution, ticket }: { solution: string; ticket: string },
  formKeys: FormKeys,
  limits: Limits,
): Promise<Proof> {
  if (solution !== '' && (await takeSolution(solution, formKeys, limits))) return 'solved'
  return ticket === '' ? 'none' : takeTicket(ticket, formKeys, limits)
}

async function takeSolution(text: string, formKeys: FormKeys, limits: Limits): Promise<boolean> {
  const read = payload.safeParse(readJson(text))
  if (!read.success) return false
  const { challenge, solution } = read.data
  const { verified } = await verifySolution({ challenge, solution, deriveKey, ...secretsOf(formKeys) })
  return verified && limits.takeOnce(`solution:${challenge.parameters.nonce}`, CHALLENGE_LIFE_MS / 1_000)
}

async function takeTicket(ticket: string, formKeys: FormKeys, limits: Limits): Promise<Proof> {
  const [moment = '', signature = '', id = '', own = '', ...rest] = ticket.split('.')
  const stamp = `${moment}.${signature}`
  const opened = formKeys.readStamp(stamp)
  if (!opened || rest.length > 0 || !formKeys.isSame(own, signTicket(formKeys, stamp, id))) return 'none'
  const waitedS = (Date.now() - opened.getTime()) / 1_000
  if (waitedS > TICKET_LIFE_S) return 'none'
  if (waitedS < WAIT_S) return 'early'
  return (await limits.takeOnce(`ticket:${id}`, TICKET_LIFE_S)) ? 'waited' : 'none'
}

function signTicket(formKeys: FormKeys, stamp: string, id: string): string {
  return formKeys.nameOf(`ticket:${stamp}:${id}`)
}

function secretsOf(formKeys: FormKeys): { hmacSignatureSecret: string; hmacKeySignatureSecret: string } {
  return { hmacSignatureSecret: formKeys.secretOf('challenge'), hmacKeySignatureSecret: formKeys.secretOf('solution') }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
