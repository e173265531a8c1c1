// What is stopped or left behind, as people read it and as JSON.
import type { Behind } from '../delivery/account/behind.ts'
import { counted } from '../digest/text/words.ts'
import type { Stop } from '../edition/stop.ts'
import { editionName, momentInWords } from './accounts.ts'

/** Returns `all digests`, or the edition that a stop is of. */
export function stoppedName({ edition }: Pick<Stop, 'edition'>): string {
  return edition === null ? 'all digests' : editionName(edition)
}

/** Returns `stopped by the operator on 2026-03-05 07:04 UTC, because …`. */
export function stopInWords({ reason, since }: Stop): string {
  return `stopped by the operator on ${momentInWords(since)}${reason === null ? '' : `, because: ${reason}`}`
}

/** The fields of a stop by the operator, as `status` and `resume` print them. */
export function stopFields({ edition, reason, since }: Stop) {
  return { date: edition?.date ?? null, kind: edition?.kind ?? null, reason, since }
}

/**
 * Returns a line for each stop of the operator and each edition that is not done with; `shown` is
 * the edition whose accounts stand above, of which only its stop is said.
 */
export function behindLines(
  stops: readonly Stop[],
  behind: readonly Behind[],
  shown: Pick<Behind, 'date' | 'kind'> | undefined,
): string[] {
  const others = behind.filter(({ date, kind }) => date !== shown?.date || kind !== shown?.kind)
  return [
    ...stops.map((stop) => {
      const resume = stop.edition === null ? 'resume' : `resume ${optionsOf(stop.edition)}`
      return `${capital(stoppedName(stop))}: ${stopInWords(stop)}. Lift it with "${resume}".`
    }),
    ...(others.length > 0 ? ['Not finished:'] : []),
    ...others.map((each) => `  ${editionName(each)}: ${behindInWords(each)}`),
  ]
}

function behindInWords(each: Behind): string {
  const { stoppedReason, stoppedUntil, waiting, unresolved, stoppedByHand } = each
  const stopped =
    stoppedReason === null
      ? []
      : [
          stoppedUntil === null
            ? `stopped because ${stoppedReason}: lift it with "resume ${optionsOf(each)}"`
            : `stopped until ${momentInWords(stoppedUntil)} because ${stoppedReason}`,
        ]
  return [
    ...(each.state === 'held' ? [`held back (${each.reason})`] : []),
    ...(each.state === 'open' ? ['never ranked after its cut-off'] : []),
    ...(stoppedByHand ? ['stopped by the operator'] : []),
    ...stopped,
    ...(waiting > 0 ? [`${counted(waiting, 'email')} waiting`] : []),
    ...(unresolved > 0 ? [`${counted(unresolved, 'email')} unknown: "resolve ${optionsOf(each)} --as found"`] : []),
  ].join('; ')
}

function optionsOf({ date, kind }: Pick<Behind, 'date' | 'kind'>): string {
  return `--date ${date}${kind === 'weekly' ? ' --weekly' : ''}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
