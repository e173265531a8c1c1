// A batch's recipe and its mails. The recipe is rebuilt from rows that cannot change; a rebuild
// with another hash is never sent.
import { createHash } from 'node:crypto'
import { draftOf, recipeOf } from '../../digest/joining/joining.ts'
import type { Material } from '../../digest/joining/materials.ts'
import { checkSlots, type Draft, fill, fillHeaders, type Slots } from '../../digest/piece/draft.ts'
import { type LinkKeys, signToken } from '../../subscriber/token.ts'
import type { Mail } from '../provider/provider.ts'
import type { Member } from './members.ts'

/**
 * Returns the hash that fixes every byte of a batch: join version, members in order, their pieces
 * and personal inputs.
 */
export function hashRecipe(
  editionId: number,
  members: readonly Member[],
  materials: ReadonlyMap<number, Material>,
): Buffer {
  const recipes = new Map<number, string>()
  const isoOf = openIso()
  let text = `join ${versionOf(materials)}\nedition ${editionId}\n`
  for (const member of members) {
    let recipe = recipes.get(member.selectionId)
    if (recipe === undefined) {
      const { pieces, selection } = materialOf(materials, member)
      recipe = createHash('sha256').update(recipeOf(pieces, selection)).digest('hex')
      recipes.set(member.selectionId, recipe)
    }
    text += `${member.subscriberPublicId} ${member.publicId} ${member.address} ${member.tokenEpoch} ${member.keyId} ${isoOf(member.issuedAt)} ${recipe}\n`
  }
  return createHash('sha256').update(text).digest()
}

/** Writes moments out: the members of a batch were mostly planned at the same. */
function openIso(): (moment: Date) => string {
  let last = Number.NaN
  let iso = ''
  return (moment) => {
    const time = moment.getTime()
    if (time !== last) iso = moment.toISOString()
    last = time
    return iso
  }
}

/** Returns the join version of a batch: an edition's pieces are all of one. */
export function versionOf(materials: ReadonlyMap<number, Material>): number {
  const versions = new Set([...materials.values()].map(({ pieces }) => pieces.version))
  const [version, ...others] = versions
  if (version === undefined || others.length > 0) throw new Error('the pieces of a batch are not of one join version')
  return version
}

/**
 * Returns the key under which the provider knows a batch's request: derived, never random, never
 * with an attempt's number.
 */
export function keyOf(editionId: number, batchId: number, recipe: Buffer): string {
  return `paper-round-${editionId}-${batchId}-${recipe.toString('hex').slice(0, 40)}`
}

/** Joins the mails of a batch in the order of its members. */
export function joinMails(
  members: readonly Member[],
  materials: ReadonlyMap<number, Material>,
  keys: LinkKeys,
): Mail[] {
  return members.map((member) => {
    const { pieces, selection } = materialOf(materials, member)
    const { tokenEpoch: epoch, issuedAt, keyId } = member
    const reader = { publicId: member.subscriberPublicId, epoch, issuedAt }
    const slots = {
      unsubscribe: signToken(keys, keyId, 'unsubscribe', reader),
      preferences: signToken(keys, keyId, 'preferences', reader),
      view: signToken(keys, keyId, 'view', { publicId: member.publicId, epoch, issuedAt }),
    }
    checkSlots(slots)
    return new JoinedMail(draftOf(pieces, selection), slots, member)
  })
}

/** A digest as its draft and slots. What people read is made when it is asked for. */
class JoinedMail implements Mail {
  readonly publicId: string
  readonly to: string
  readonly joined: { draft: Draft; slots: Slots }
  readonly #issuedAt: Date

  constructor(draft: Draft, slots: Slots, { publicId, address, issuedAt }: Member) {
    this.publicId = publicId
    this.to = address
    this.joined = { draft, slots }
    this.#issuedAt = issuedAt
  }

  get date(): string {
    return this.#issuedAt.toISOString()
  }

  get from(): string {
    return this.joined.draft.from
  }

  get subject(): string {
    return this.joined.draft.subject
  }

  get headers(): Record<string, string> {
    return fillHeaders(this.joined.draft, this.joined.slots)
  }

  get html(): string {
    return fill(this.joined.draft.html, this.joined.slots)
  }

  get text(): string {
    return fill(this.joined.draft.text, this.joined.slots)
  }

  /** Whoever writes it down gets the mail, in the order in which its bytes were ever compared. */
  toJSON(): Mail {
    const { from, subject, headers, html, text, publicId, to, date } = this
    return { from, subject, headers, html, text, publicId, to, date }
  }
}

function materialOf(materials: ReadonlyMap<number, Material>, member: Member): Material {
  const material = materials.get(member.selectionId)
  if (!material) throw new Error(`selection ${member.selectionId} is missing`)
  return material
}
