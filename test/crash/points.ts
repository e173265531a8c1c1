// The named points at which a process of the round can be told to die or to stop. They are found
// from outside, in what the process says to the database and to the provider; the code under test
// knows nothing of them.
import pg from 'pg'
import type { Provider } from '../../src/delivery/provider/provider.ts'
import type { LinkKeys } from '../../src/subscriber/token.ts'

/** In the order of a batch's life. */
export const POINTS = [
  'before-claim',
  'after-claim',
  'while-joining',
  'before-mark-commit',
  'after-mark-commit',
  'before-request',
  'request-half-sent',
  'accepted-answer-withheld',
  'answer-read-before-settle-commit',
  'after-settle-before-job-end',
] as const
export type Point = (typeof POINTS)[number]

/** Those that only the line between process and provider can tell; see line.ts. */
export const LINE_POINTS: readonly Point[] = ['request-half-sent', 'accepted-answer-withheld']

/**
 * Called whenever the process is at a point. What it returns is waited for, except while joining,
 * which cannot wait.
 */
export type Reach = (point: Point) => Promise<void> | undefined

type Step = 'claim' | 'mark' | 'settle'

/** How the three writes of a batch's life look on their way to the database. */
const STEPS: [Step, RegExp][] = [
  ['claim', /\bupdate\s+"?batches"?\s[\s\S]*\blease_epoch\s*=\s*(\w+\.)?lease_epoch\s*\+\s*1/i],
  ['mark', /\bupdate\s+"?batches"?\s[\s\S]*\bstate\s*=\s*'attempting'/i],
  ['settle', /\bupdate\s+"?deliveries"?\s[\s\S]*\bstate\s*=\s*case\s+when\s+r\.reason\b/i],
]
const BEFORE: Record<Step, Point> = {
  claim: 'before-claim',
  mark: 'before-mark-commit',
  settle: 'answer-read-before-settle-commit',
}
const AFTER: Record<Step, Point> = {
  claim: 'after-claim',
  mark: 'after-mark-commit',
  settle: 'after-settle-before-job-end',
}

/**
 * Watches every statement of this process, and rewrites it by `rewrite` first. A step inside a
 * transaction counts when the transaction commits.
 */
export function watchDriver(reach: Reach, rewrite: (text: string) => string): void {
  const real = pg.Client.prototype.query as unknown as (...args: unknown[]) => unknown
  const open = new WeakMap<pg.Client, Step | 'none'>()
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [first] = args
    // What is prepared is asked by its name, as an object.
    const text = typeof first === 'string' ? first : (first as { text?: unknown } | undefined)?.text
    if (typeof text !== 'string' || typeof args.at(-1) === 'function') return real.apply(this, args)
    const own = STEPS.find(([, shape]) => shape.test(text))?.[0]
    const inside = open.get(this)
    let step = own
    if (/^begin\b/.test(text)) open.set(this, 'none')
    else if (text === 'rollback') open.delete(this)
    else if (text === 'commit') {
      open.delete(this)
      step = inside === 'none' ? undefined : inside
    } else if (inside !== undefined) {
      if (own) open.set(this, own)
      step = undefined
    }
    const asked = typeof first === 'string' ? rewrite(text) : { ...(first as object), text: rewrite(text) }
    const ask = () => real.apply(this, [asked, ...args.slice(1)])
    if (step === undefined) return ask()
    const [before, after] = [BEFORE[step], AFTER[step]]
    return (async () => {
      await reach(before)
      const result = await ask()
      await reach(after)
      return result
    })()
  } as typeof pg.Client.prototype.query
}

/** Passes `before-request` with every request. */
export function watchProvider(provider: Provider, reach: Reach): Provider {
  return {
    ...provider,
    async send(request) {
      await reach('before-request')
      return provider.send(request)
    },
  }
}

/** Passes `while-joining` with every link that a mail is given. */
export function watchKeys(keys: LinkKeys, reach: Reach): LinkKeys {
  const byId = new Map(keys.byId)
  const get = byId.get.bind(byId)
  byId.get = (id) => {
    void reach('while-joining')
    return get(id)
  }
  return { ...keys, byId }
}
