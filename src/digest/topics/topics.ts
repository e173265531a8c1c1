// The table of topic names: which phrases mean the same topic. The project's own groups, with those
// of the host's topics.json.
import { z } from 'zod'
import { PermanentError } from '../../errors.ts'
import { PHRASE_MAX_CHARACTERS } from '../../subscriber/preferences.ts'
import { readHostFile } from '../template/files.ts'
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

/** What a phrase means. */
export interface Topics {
  /** Lists the names under which a phrase is looked for, its own first. */
  namesOf(phrase: string): readonly TopicName[]
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
  return makeTopics([...TOPIC_GROUPS, ...(host === undefined ? [] : parseGroups(host))])
}

/** Makes the table of some groups: a phrase has the names of every group that it stands in. */
function makeTopics(groups: readonly (readonly string[])[]): Topics {
  const byWords = new Map<string, TopicName[]>()
  for (const group of groups) {
    const names = group.map((name) => ({ name, words: stemWords(name) }))
    for (const { words } of names) {
      const known = byWords.get(words) ?? []
      for (const name of names) if (!known.some((other) => other.words === name.words)) known.push(name)
      byWords.set(words, known)
    }
  }
  return {
    namesOf(phrase) {
      const words = stemWords(phrase)
      // Nothing but signs: it means nothing, and would be found everywhere.
      if (words === ' ') return []
      const others = byWords.get(words) ?? []
      return [{ name: phrase, words }, ...others.filter((other) => other.words !== words)]
    },
  }
}

function parseGroups(json: string): string[][] {
  let given: unknown
  try {
    given = JSON.parse(json)
  } catch (cause) {
    throw new PermanentError(`${TOPICS_FILE} is not JSON`, { cause })
  }
  const parsed = hostSchema.safeParse(given)
  if (parsed.success) return parsed.data.groups
  const problems = parsed.error.issues.map(({ path, message }) => [`${TOPICS_FILE}:`, path.join('.'), message])
  throw new PermanentError(problems.map((words) => words.filter((word) => word !== '').join(' ')).join('\n'))
}
