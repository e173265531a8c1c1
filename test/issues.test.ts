import { expect, it } from 'vitest'
import * as z from 'zod'
import { inWords, sayIssues } from '../src/issues.ts'

const schema = z.strictObject({
  width: z.int().min(16).max(20),
  name: z.string().min(1).max(5),
  logo: z.strictObject({ url: z.url('is not a link') }).nullable(),
  groups: z.array(z.array(z.string()).min(2)),
  length: z.enum(['short', 'full']),
  code: z.boolean(),
})
const sound = { width: 16, name: 'Group', logo: null, groups: [], length: 'full', code: true }

it.each([
  [{ width: undefined }, ['width is missing']],
  [{ width: 1.5 }, ['width is not a whole number']],
  [{ width: Number.NaN }, ['width is not a whole number']],
  [{ width: 1 }, ['width is less than 16']],
  [{ width: 99 }, ['width is more than 20']],
  [{ name: '' }, ['name is empty']],
  [{ name: 'Groups' }, ['name has more than 5 characters']],
  [{ logo: 'x' }, ['logo is not names with their values in { }']],
  [{ logo: { url: 'x' } }, ['logo.url is not a link']],
  [{ groups: 'x' }, ['groups is not a list in [ ]']],
  [{ groups: [['a']] }, ['groups, entry 1 has fewer than 2 entries']],
  [{ groups: [['a', 1]] }, ['groups, entry 1, entry 2 is not a text in quotes']],
  [{ length: 'long', code: 1 }, ['length is none of short, full', 'code is not true or false']],
  [{ colour: 1 }, ['the file has no use for "colour"']],
  [null, ['the file is not names with their values in { }']],
])('says of %j in plain words what is wrong, all of it', (change, sentences) => {
  const parsed = schema.safeParse(change && { ...sound, ...change }, { error: inWords })
  expect(parsed.success ? [] : sayIssues(parsed.error, 'the file')).toEqual(sentences)
})
