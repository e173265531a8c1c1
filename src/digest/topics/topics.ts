// The table of topic names: which phrases mean the same topic. The project's own groups, with those
// of the host's topics.json.
import * as z from 'zod'
import { PermanentError } from '../../errors.ts'
import { inWords, sayIssues } from '../../issues.ts'
import { PHRASE_MAX_CHARACTERS } from '../../subscriber/preferences.ts'
import { readHostFile } from '../template/files.ts'
import { parseJson } from '../template/json.ts'
import { BROAD_TOPICS, type BroadTopic } from './broad-topics.ts'
import { TOPIC_GROUPS } from './groups.ts'
import { stemWords } from './words.ts'

const TOPICS_FILE = 'topics.json'
const GROUPS_MAX = 2_000
const NAMES_MAX = 50

/** A name of a topic: as people write it, and as it is looked for. */
export interface TopicName {
  name: string
  words: string
}

/** A name with how much it tells. */
export interface TopicSign extends TopicName {
  /**
   * Whether it makes a paper one of the topic wherever it stands, or weighs much or little, or
   * where an abstract says that it was made.
   */
  tells: 'anywhere' | 'much' | 'little' | 'made'
  /** Whether a paper that holds it mentions the topic. */
  mentions: boolean
}

/** A word that counts for or against a broad topic. */
export interface WeighedWords {
  words: string
  tells: 'much' | 'little' | 'other'
}

/** How papers of a topic are told. */
export interface TopicRule {
  signs: readonly TopicSign[]
  /** Words that are not read. */
  but: readonly string[]
  /** What is counted in titles and abstracts, the longest first. */
  weighed: readonly WeighedWords[]
  /** The weight that makes a paper one of the topic. */
  enough: number
}

/** What a phrase means. */
export interface Topics {
  /** Lists the names under which a phrase is looked for, its own first. */
  namesOf(phrase: string): readonly TopicName[]
  /** Returns how papers of what a phrase means are told; its own words stand first. */
  ruleOf(phrase: string): TopicRule
}

const hostSchema = z.strictObject({
  /**
   * Each a list of names of one topic. A name that one of our groups has as well adds to that
   * group.
   */
  groups: z
    .array(
      z
        .array(
          z
            .string()
            .trim()
            .max(PHRASE_MAX_CHARACTERS)
            .refine((name) => stemWords(name) !== ' ', 'holds no word'),
        )
        .min(2, 'needs two names at least')
        .max(NAMES_MAX),
    )
    .max(GROUPS_MAX),
})

/**
 * Reads the topics: the project's own groups and those of the host's `directory` (none by default).
 * Throws a PermanentError that names the file and every value that does not hold.
 */
export function readTopics(directory?: string): Topics {
  const host = directory === undefined ? undefined : readHostFile(TOPICS_FILE, directory)
  if (host !== undefined) return makeTopics([...TOPIC_GROUPS, ...parseGroups(host)], BROAD_TOPICS)
  own ??= makeTopics(TOPIC_GROUPS, BROAD_TOPICS)
  return own
}

/** The project's own, which mails, pages and searches of one process share. */
let own: Topics | undefined

/**
 * Makes the table of some groups and broad topics: a phrase has the names of every one that it
 * stands in.
 */
function makeTopics(groups: readonly (readonly string[])[], broad: readonly BroadTopic[]): Topics {
  const byWords = new Map<string, TopicName[]>()
  for (const group of [...groups, ...broad.map(({ names }) => names)]) {
    const names = group.map(nameFrom)
    for (const { words } of names) {
      const known = byWords.get(words) ?? []
      for (const name of names) if (!known.some((other) => other.words === name.words)) known.push(name)
      byWords.set(words, known)
    }
  }
  const rules = new Map(
    broad.flatMap((topic) => topic.names.map((name) => [stemWords(name), ruleFrom(topic)] as const)),
  )
  const namesOf = (phrase: string): TopicName[] => {
    const words = stemWords(phrase)
    // Nothing but signs: it means nothing, and would be found everywhere.
    if (words === ' ') return []
    const others = byWords.get(words) ?? []
    return [{ name: phrase, words }, ...others.filter((other) => other.words !== words)]
  }
  return {
    namesOf,
    ruleOf(phrase) {
      const names = namesOf(phrase)
      const rule = rules.get(names[0]?.words ?? '')
      const known = new Map(rule?.signs.filter(({ mentions }) => mentions).map((sign) => [sign.words, sign]))
      // A name of a host's tells as much as it does in a group of its own.
      const own = names.map(
        (name): TopicSign => ({ tells: 'anywhere', mentions: true, ...known.get(name.words), ...name }),
      )
      return rule ? { ...rule, signs: [...own, ...rule.signs.filter(({ mentions }) => !mentions)] } : narrow(own)
    },
  }
}

function narrow(signs: readonly TopicSign[]): TopicRule {
  return { signs, but: [], weighed: [], enough: 0 }
}

function ruleFrom({ names, much, little = [], made = [], but = [], unless = [], enough }: BroadTopic): TopicRule {
  const known = new Set<string>()
  const once = (list: readonly string[]) =>
    list.map(nameFrom).filter(({ words }) => !known.has(words) && known.add(words) !== undefined)
  const weak = once(little).map((name) => ({ ...name, tells: 'little' as const }))
  const strong = once([...names, ...much]).map((name) => ({ ...name, tells: 'much' as const }))
  const mentioned = new Set(names.map(stemWords))
  const signs = [...strong, ...weak].map((sign) => ({ ...sign, mentions: mentioned.has(sign.words) }))
  const others = once(unless).map(({ words }) => ({ words, tells: 'other' as const }))
  return {
    signs: [...signs, ...made.map((name) => ({ ...nameFrom(name), tells: 'made' as const, mentions: false }))],
    but: but.map(stemWords),
    weighed: [...strong, ...weak, ...others].sort((a, b) => b.words.length - a.words.length),
    enough,
  }
}

/** A name with a star is the end of a word. */
function nameFrom(name: string): TopicName {
  const words = stemWords(name)
  return { name, words: name.startsWith('*') ? words.trimStart() : words }
}

function parseGroups(json: string): string[][] {
  const parsed = hostSchema.safeParse(parseJson(json, TOPICS_FILE), { error: inWords })
  if (parsed.success) return parsed.data.groups
  const problems = sayIssues(parsed.error, 'the file').map((problem) => `${TOPICS_FILE}: ${problem}`)
  throw new PermanentError(problems.join('\n'))
}
