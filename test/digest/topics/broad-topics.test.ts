import { describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { selectPapers } from '../../../src/digest/choosing/selection.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { makePlace } from '../../support/places.ts'
import { type Judged, judgeTopics } from './judged.ts'

const tuning = judgeTopics('tuning')
const report = judgeTopics('report')
const restOfMarch = judgeTopics('rest of March')
const march = judgeTopics('report', 'rest of March')
const elsewhere = judgeTopics('elsewhere')
const further = judgeTopics('further')
const rest = judgeTopics('rest')
const around = judgeTopics('around')
const oddDays = judgeTopics('odd days')
const evenDays = judgeTopics('even days')
const blind = judgeTopics('blind')
const blindCheck = judgeTopics('blind check')
const twoTopics = judgeTopics('two topics')?.filter(({ topic }) => topic === 'nlp' || topic === 'robotics')

describe('broad topics', () => {
  const is = (choices: object, title: string, paper: object = {}) => {
    const place = makePlace({ position: 1 }, { title, abstract: '', summary: '', ...paper })
    return selectPapers(indexPlaces([place], readTopics()), parseChoices(choices), new Set()).papers.length > 0
  }
  const only = (topic: string, title: string, paper: object = {}) =>
    is({ include: [topic], includeMeans: 'only' }, title, paper)

  it('find what papers about them have in titles and keywords', () => {
    expect(only('NLP', 'Large Language Models that Forget')).toBe(true)
    expect(only('computer vision', 'Editing Images by Hand')).toBe(true)
    expect(only('efficiency', 'A Small Cache', { keywords: ['KV cache'] })).toBe(true)
    expect(only('medical', 'Reading Scans of Patients')).toBe(true)
    expect(only('data', 'LanternBench: How Bright Is It?')).toBe(true)
    expect(only('agents', 'An Agentic Lantern')).toBe(true)
  })
  it('are no match where an abstract alone has the broad word, and a mention to whoever wants it first', () => {
    const paper = { abstract: 'It may help reasoning in later work.' }
    expect(only('reasoning', 'A Lantern', paper)).toBe(false)
    expect(is({ include: ['reasoning'] }, 'A Lantern', paper)).toBe(true)
    expect(is({ mute: ['reasoning'] }, 'A Lantern', paper)).toBe(true)
    expect(is({ mute: ['reasoning'] }, 'A Reasoning Lantern')).toBe(false)
  })
  it('take "code is available" for nothing', () => {
    for (const abstract of ['Code is available at https://example.org.', 'Our code and models will be released.']) {
      const match = (topic: string) =>
        indexPlaces(
          [makePlace({ position: 1 }, { title: 'A Lantern', abstract, summary: '' })],
          readTopics(),
        ).findTopic(topic)[0]
      expect(match('code')).toBeUndefined()
    }
  })
  it('read over what means something else', () => {
    expect(only('NLP', 'A Vision-Language Model')).toBe(false)
    expect(only('NLP', 'Language Models for Images', { keywords: ['image'] })).toBe(false)
    expect(only('NLP', 'Reasoning', { keywords: ['image'] })).toBe(false)
    expect(only('efficiency', 'Sample-Efficient Lanterns')).toBe(false)
    expect(only('reasoning', 'A Lantern', { keywords: ['multimodal reasoning'] })).toBe(false)
    expect(only('reasoning', 'A Lantern', { keywords: ['Reasoning'] })).toBe(true)
  })
  it('are not of what an abstract goes on about in another sense, unless its title names it', () => {
    const abstract = 'LLMs glow. Robots need LLMs. A robot with LLMs is a robot that robots like.'
    expect(only('NLP', 'A Lantern', { abstract })).toBe(false)
    expect(only('NLP', 'Lanterns for LLMs', { abstract })).toBe(true)
    expect(only('NLP', 'A Lantern', { abstract: 'LLMs glow. Robots need LLMs, and so do other LLMs.' })).toBe(true)
  })
  it('take no film or world of a video for a robot', () => {
    const abstract = 'A robot sees. Robots act. Other robots wait.'
    expect(only('robotics', 'A Lantern', { abstract })).toBe(true)
    expect(only('robotics', 'A World Model', { abstract })).toBe(false)
    expect(only('robotics', 'A Lantern for Autonomous Driving', { abstract })).toBe(false)
    expect(only('robotics', 'A World Model for Robots')).toBe(true)
  })
  it('take no driver, player or character of a title for a robot, although VLAs tell one', () => {
    const paper = { abstract: 'VLAs glow. We make a VLA of lanterns. Other VLAs wait for this VLA to act.' }
    expect(only('robotics', 'Lanterns for VLAs', paper)).toBe(true)
    for (const field of ['Autonomous Driving', 'GUI Agents', 'Minecraft', '3D Characters']) {
      expect(only('robotics', `VLAs for ${field}`, paper)).toBe(false)
    }
    const mentioned = { abstract: 'It may serve robotics.' }
    expect(is({ include: ['robotics'] }, 'Lanterns for Autonomous Driving', mentioned)).toBe(true)
  })
  it('ask a title that shares its word with other fields for one more of the topic', () => {
    for (const [topic, title, word] of [
      ['robotics', 'GRASP: Lanterns that Search', 'gripper'],
      ['safety', 'Trustworthy Lanterns', 'privacy'],
      ['efficiency', 'Lanterns by Spherical Quantization', 'latency'],
    ] as const) {
      expect(only(topic, title, { abstract: 'They glow.' })).toBe(false)
      expect(only(topic, title, { abstract: `They glow, with ${word}.` })).toBe(true)
    }
  })
  it('take whoever goes on about VLAs, in short, for one about robots, of whatever else it speaks', () => {
    const glow = 'A world model glows. It keeps the lanterns of a room lit through long nights and days. '
    expect(only('robotics', 'A World Model', { abstract: `${glow}We make a VLA of it. ${glow}` })).toBe(true)
    expect(
      only('robotics', 'A World Model', { abstract: `${glow}It suits vision-language-action models. ${glow}` }),
    ).toBe(false)
  })
  it('take whoever speaks many languages for NLP, but not programs in many', () => {
    const method = 'We propose Wick, which trims lanterns by themselves and keeps them lit. '
    expect(only('NLP', 'A Visual Lantern', { abstract: `${method}It is multilingual. ${method}` })).toBe(true)
    expect(only('NLP', 'A Visual Lantern', { abstract: `${method}It holds multilingual code. ${method}` })).toBe(false)
  })
  it('tell a paper that made a dataset from one that used one', () => {
    expect(only('data', 'A Lantern', { abstract: 'We introduce Glow, a dataset of a thousand lanterns.' })).toBe(true)
    expect(only('data', 'A Lantern', { abstract: 'This paper introduces Glow, a benchmark of lanterns.' })).toBe(true)
    expect(only('data', 'A Lantern', { abstract: 'We test it on a dataset of a thousand lanterns.' })).toBe(false)
    const developers = 'We present Glow, a dataset of lanterns collected from open-source developers.'
    expect(only('data', 'A Lantern', { abstract: developers })).toBe(true)
  })

  it('ask the abstract to say again what a keyword says: lists of keywords hold whatever it mentions', () => {
    for (const keyword of ['safety audit', 'Safety', 'Lantern safety (safety)']) {
      const keywords = [keyword]
      expect(only('safety', 'A Lantern', { keywords, abstract: 'It passed a safety audit.' })).toBe(false)
      expect(only('safety', 'A Lantern', { keywords, abstract: 'It passed a safety audit. Safety first.' })).toBe(true)
      expect(only('safety', 'A Lantern', { keywords, abstract: '' })).toBe(true)
    }
    expect(only('safety', 'A Lantern', { keywords: ['Safety'], abstract: 'It passed.' })).toBe(true)
    expect(only('safety', 'A Lantern', { keywords: ['safety audit'], abstract: 'It passed.' })).toBe(false)
  })
  it('count words that stand in one another once', () => {
    const abstract = 'Six benchmark datasets are used.'
    expect(only('data', 'A Lantern', { keywords: ['benchmark datasets'], abstract })).toBe(false)
    expect(is({ include: ['agents'] }, 'A Lantern', { keywords: ['agents'], abstract: 'In multi-agent play.' })).toBe(
      true,
    )
    expect(only('agents', 'A Lantern', { keywords: ['agents'], abstract: 'In multi-agent play.' })).toBe(false)
  })
  it('bear nothing out by a broad word, which any abstract may hold', () => {
    const abstract = 'It needs no change of code. We query SQL.'
    expect(only('code', 'A Lantern', { keywords: ['SQL tasks'], abstract })).toBe(false)
    expect(only('code', 'A Lantern', { keywords: ['SQL tasks'], abstract: `${abstract} Then SQL glows.` })).toBe(true)
  })
  it('take what an abstract says once and first for the field, in a broad topic alone', () => {
    const method = 'We propose Wick, which trims lanterns by themselves and keeps them lit. '
    const field = 'Lanterns serve games, films and robotic manipulation. '
    expect(only('robotics', 'A Lantern', { abstract: `${field}${method.repeat(4)}` })).toBe(false)
    expect(only('robotics', 'A Lantern', { abstract: `${field}${method.repeat(4)} The robot glows.` })).toBe(true)
  })
  it('take what an abstract says once and last for what something was tried on, in a broad topic alone', () => {
    const method = 'We propose Wick, which trims lanterns by themselves and keeps them lit. '
    const tried = 'It was tried on text-to-SQL.'
    expect(only('NLP', 'A Lantern', { abstract: `${method.repeat(3)}${tried}` })).toBe(false)
    expect(only('NLP', 'A Lantern', { abstract: `${method}${tried} ${method.repeat(2)}` })).toBe(true)
    expect(only('NLP', 'A Lantern', { abstract: `${method.repeat(3)}${tried} And text-to-SQL glows.` })).toBe(true)
    expect(only('text-to-SQL', 'A Lantern', { abstract: `${method.repeat(3)}${tried}` })).toBe(true)
  })
  it('take for made what is introduced, and not what that is for or does', () => {
    expect(only('data', 'A Lantern', { abstract: 'We introduce Wick, a lamp for a benchmark of lanterns.' })).toBe(
      false,
    )
    expect(only('data', 'A Lantern', { abstract: 'We also collect a dataset of lanterns.' })).toBe(false)
    expect(only('data', 'A Lantern', { abstract: 'We carefully collect a dataset of lanterns.' })).toBe(true)
  })
  it('ask for one more word of the topic behind a title’s weak one', () => {
    const title = 'Lanterns and Their Risks'
    expect(only('safety', title, { abstract: 'They may go out.' })).toBe(false)
    expect(only('safety', title, { abstract: 'They may be harmful.' })).toBe(true)
    expect(only('safety', title, { keywords: ['privacy'], abstract: 'They may go out.' })).toBe(true)
  })
  it('believe a title before keywords of another sense', () => {
    expect(only('NLP', 'Lanterns for Large Language Models', { keywords: ['agent memory'] })).toBe(true)
    expect(only('NLP', 'A Lantern', { keywords: ['agent memory', 'large language models'] })).toBe(false)
  })
  it('take what an abstract comes to in its last part for a means, and the first of its kind for the matter', () => {
    const method = 'We propose Wick, which trims lanterns by themselves and keeps them lit through long nights. '
    const made = 'We introduce Glow, a benchmark of lanterns.'
    expect(only('data', 'A Lantern', { abstract: `${made} ${method.repeat(3)}` })).toBe(true)
    expect(only('data', 'A Lantern', { abstract: `${method.repeat(3)} ${made}` })).toBe(false)
    expect(only('data', 'A Lantern', { abstract: 'It brings Glow, the first large dataset of lanterns.' })).toBe(true)
  })
  it('find what an abstract says three times, in whichever words of the topic', () => {
    const abstract = 'It cuts latency by half. Throughput doubles, and so does the speedup of others.'
    expect(only('efficiency', 'A Lantern', { abstract })).toBe(true)
    expect(only('efficiency', 'A Lantern', { abstract: 'It cuts latency by half, and throughput doubles.' })).toBe(
      false,
    )
    const method = 'We propose Wick, which trims lanterns by themselves and keeps them lit through long nights. '
    expect(only('efficiency', 'A Lantern', { abstract: `${method.repeat(3)}${abstract}` })).toBe(false)
    expect(only('NLP', 'A Lantern', { abstract: 'LLMs glow. Other LLMs do not. We light LLMs.' })).toBe(true)
    expect(only('NLP', 'A Robot', { abstract: 'LLMs glow. Other LLMs do not. We light LLMs.' })).toBe(false)
  })

  it.skipIf(!tuning)('find the labelled papers of August 2025, on which they were tuned', () => {
    const [precision, recall] = tell('August 2025, tuning', tuning as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.97)
    expect(recall).toBeGreaterThanOrEqual(0.94)
  })
  it.skipIf(!elsewhere)('find the labelled papers of other days, on which they were tuned as well', () => {
    const [precision, recall] = tell('Other days, tuning (the rules before: 0.875 and 0.881)', elsewhere as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.955)
    expect(recall).toBeGreaterThanOrEqual(0.955)
  })
  it.skipIf(!further)('find the further papers, on one half of which they were tuned', () => {
    const [precision, recall] = tell('Further, half tuning (the rules before: 0.829 and 0.858)', further as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.9)
    expect(recall).toBeGreaterThanOrEqual(0.9)
  })
  it.skipIf(!rest)('find the rest of August, on one half of which they were tuned', () => {
    const [precision, recall] = tell('Rest, half tuning (the rules before: 0.965 and 0.900)', rest as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.95)
    expect(recall).toBeGreaterThanOrEqual(0.9)
  })
  it.skipIf(!around)('find the papers of the days around March 2026, on one half of which they were tuned', () => {
    const [precision, recall] = tell('Around, half tuning (the rules before: 0.914 and 0.889)', around as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.9)
    expect(recall).toBeGreaterThanOrEqual(0.9)
  })
  it.skipIf(!twoTopics)('find NLP and robotics in the other days of these months', () => {
    const judged = twoTopics as Judged[]
    const [precision, recall] = tell('Two topics, half tuning (the rules before: 0.974 and 0.890)', judged)
    expect(precision).toBeGreaterThanOrEqual(0.97)
    expect(recall).toBeGreaterThanOrEqual(0.91)
  })
  it.skipIf(!oddDays)('find the papers of the odd days of other months, on which they were tuned', () => {
    const [precision, recall] = tell('Odd days, tuning (the rules before: 0.938 and 0.936)', oddDays as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.945)
    expect(recall).toBeGreaterThanOrEqual(0.95)
  })
  it.skipIf(!evenDays)('find those of the even days, on which they were not, and none of the topics poorly', () => {
    const judged = evenDays as Judged[]
    const [precision, recall] = tell('Even days (the rules before: 0.931 and 0.942)', judged)
    expect(precision).toBeGreaterThanOrEqual(0.93)
    expect(recall).toBeGreaterThanOrEqual(0.94)
    for (const each of judged) expect(Math.min(each.precision, each.recall)).toBeGreaterThanOrEqual(0.8)
  })
  it.skipIf(!blind)('find papers whose reader knew no rule', () => {
    const [precision, recall] = tell('Blind', blind as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.86)
    expect(recall).toBeGreaterThanOrEqual(0.82)
  })
  it.skipIf(!blindCheck)('find those of that reader on which they were not tuned', () => {
    const [precision, recall] = tell('Blind, to measure alone', blindCheck as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.82)
    expect(recall).toBeGreaterThanOrEqual(0.82)
  })
  // The month's runs so far, each of rules committed before it. The last are those of today.
  const RUNS =
    '0.715 and 0.857, 0.720 and 0.854, 0.730 and 0.855, 0.817 and 0.900, 0.838 and 0.895, 0.821 and 0.907, ' +
    '0.863 and 0.912, 0.905 and 0.903, 0.905 and 0.931, 0.907 and 0.938, 0.907 and 0.938'
  it.skipIf(!report)('find the labelled papers of March 2026 as well as in their last run', () => {
    const [precision, recall] = tell(`March 2026, report (its runs: ${RUNS})`, report as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0.9)
    expect(recall).toBeGreaterThanOrEqual(0.93)
  })
  it.skipIf(!march)('find the papers of the whole month, of which each topic has some', () => {
    tell('The rest of March 2026, report', restOfMarch as Judged[])
    const [precision, recall] = tell('The whole of March 2026, report', march as Judged[])
    expect(precision).toBeGreaterThanOrEqual(0)
    expect(recall).toBeGreaterThanOrEqual(0)
  })
})

/** Prints the figures and returns precision and recall on average over the topics. */
function tell(name: string, judged: readonly Judged[]): [precision: number, recall: number] {
  const mean = (of: (each: Judged) => number) => judged.reduce((sum, each) => sum + of(each), 0) / judged.length
  const [precision, recall] = [mean((each) => each.precision), mean((each) => each.recall)]
  const rows = judged.map(
    (each) => `  ${each.topic}: ${each.precision.toFixed(3)} and ${each.recall.toFixed(3)}, ${each.positives} papers`,
  )
  process.stdout.write(
    `${[`${name}: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`, ...rows].join('\n')}\n`,
  )
  return [precision, recall]
}
