// Draws docs/states.md from the table of transitions: `npx tsx
// test/delivery/sending/states-picture.ts`. A test holds the file to the table.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BATCH_LIFE, DELIVERY_LIFE, NOTICE_LIFE, type Transition } from '../../../src/delivery/sending/transitions.ts'

const FILE = fileURLToPath(new URL('../../../docs/states.md', import.meta.url))

type Life = Readonly<Record<string, Transition<string>>>

/** Returns the page: one diagram and one table each for batches, notices and deliveries. */
export function renderStates(): string {
  return `# States

What a batch of digests, a notice and a delivery can become, who may change it, and why. Drawn from \`src/delivery/sending/transitions.ts\`, which also drives the code; \`npx tsx test/delivery/sending/states-picture.ts\` draws it anew.

Nothing of what is *planned* or *deferred* can have been accepted: readers may leave it, and it may go to another provider. What is *attempting* or *unknown* may have been accepted: it is repeated byte for byte under the same key, or not at all.

- **planner**: whoever decides who gets what · **asker**: a page that wants a mail that is no digest · **worker**: takes the lease · **holder**: has the lease; every write is fenced by its epoch · **provider**: an answer or report, true whoever heard it · **reader**, **operator** · **sweep**: the clock

## A batch

${section(BATCH_LIFE)}

## A notice

${section(NOTICE_LIFE)}

## A delivery

One digest to one reader. Between its planning and its settling, its batch speaks for it.

${section(DELIVERY_LIFE)}
`
}

function section(life: Life): string {
  return `${diagram(life)}\n\n${table(life)}`
}

/** Arrows with the same ends share a line; an event that changes no state is in the table alone. */
function diagram(life: Life): string {
  const arrows = new Map<string, string[]>()
  for (const [event, change] of Object.entries(life)) {
    for (const [from, to] of endsOf(change)) {
      if (from === to) continue
      const arrow = `${from} --> ${to}`
      arrows.set(arrow, [...(arrows.get(arrow) ?? []), event])
    }
  }
  const lines = [...arrows].map(([arrow, events]) => `    ${arrow}: ${events.join(', ')}`)
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n')
}

function table(life: Life): string {
  const rows = Object.entries(life).map(
    ([event, { from, to, by, why }]) => `| ${event} | ${listOf(from)} | ${listOf(to)} | ${by} | ${why} |`,
  )
  return ['| event | from | to | who | why |', '|---|---|---|---|---|', ...rows].join('\n')
}

/**
 * Every pair of states that a change may connect; `[*]` is not being there. Where the states that
 * it leads to are those it comes from, it leaves them as they are.
 */
export function endsOf({ from, to }: Transition<string>): [from: string, to: string][] {
  const ends = to.length === 0 ? ['[*]'] : to
  return (from.length === 0 ? ['[*]'] : from).flatMap((before) =>
    ends
      .filter((after) => before === after || !from.includes(after) || to.length === 1)
      .map((after): [string, string] => [before, after]),
  )
}

function listOf(states: readonly string[]): string {
  return states.length === 0 ? '–' : states.join(', ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, renderStates())
