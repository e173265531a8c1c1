import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTopics } from '../../../src/digest/topics/topics.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'topics-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function host(content: unknown): string {
  writeFileSync(join(directory, 'topics.json'), typeof content === 'string' ? content : JSON.stringify(content))
  return directory
}

const names = (topics: ReturnType<typeof readTopics>, phrase: string) => topics.namesOf(phrase).map(({ name }) => name)

describe('readTopics', () => {
  it('knows what a topic is also called, whichever name is asked for', () => {
    const topics = readTopics()
    expect(names(topics, 'llms')).toEqual(expect.arrayContaining(['llms', 'large language model', 'language model']))
    expect(names(topics, 'Large Language Models')).toContain('LLM')
    expect(names(topics, 'text-to-image')).toContain('image generation')
  })
  it('looks for an unknown phrase under its own name alone, and for signs not at all', () => {
    expect(names(readTopics(), 'knitting')).toEqual(['knitting'])
    expect(readTopics().namesOf('…–')).toEqual([])
  })
  it('adds the groups of a host, to ours where a name is shared', () => {
    const topics = readTopics(
      host({
        groups: [
          ['knitting', 'textile'],
          ['LLM', 'chatbot'],
        ],
      }),
    )
    expect(names(topics, 'textiles')).toEqual(['textiles', 'knitting'])
    expect(names(topics, 'chatbots')).toEqual(['chatbots', 'LLM'])
    expect(names(topics, 'LLM')).toEqual(expect.arrayContaining(['language model', 'chatbot']))
  })
  it('says what is wrong with the file of a host', () => {
    expect(() => readTopics(host('{'))).toThrow('topics.json line 1 is not JSON')
    expect(() => readTopics(host({ groups: [['alone'], ['–', 'dash']], extra: 1 }))).toThrow(
      /topics\.json: groups, entry 1 needs two names at least\n.*groups, entry 2, entry 1 holds no word/s,
    )
  })
})
