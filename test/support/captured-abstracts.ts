// The abstracts of a captured month as the source sent them, each paper once: [] where the captures
// are not at hand. They belong to others: their hashes may be kept, their words may not.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { splitSentences } from '../../src/digest/text/sentences.ts'
import { cleanText } from '../../src/digest/text/text.ts'
import { cleanLine } from '../../src/source/outside-text.ts'

const CAPTURES = new URL('../../../shared/data/daily-papers/', import.meta.url)

export interface CapturedAbstract {
  id: string
  /** SHA-256 of the abstract as it was sent, untouched by our cleaning. */
  sha256: string
  title: string
  abstract: string
  /** Of the cleaned abstract. Labels name them by their number, from 1. */
  sentences: string[]
  /** The source's own, '' without. */
  summary: string
}

/** Lists the abstracts of a month (`2025-08`) in the order in which they were captured. */
export function capturedAbstracts(month: string): CapturedAbstract[] {
  const abstracts = months.get(month) ?? readFolder('same-day', (file) => file.startsWith(month))
  months.set(month, abstracts)
  return abstracts
}

/** Read once a worker: several files of tests look at the same months. */
const months = new Map<string, CapturedAbstract[]>()

/** Lists those of a month as its later capture has them. */
export function laterAbstracts(month: string): CapturedAbstract[] {
  return readFolder('final', (file) => file.startsWith(month))
}

/** Lists those of the odd days, of other months. Files that hold no papers are passed over. */
export function oddAbstracts(): CapturedAbstract[] {
  return readFolder('odd', (file) => !file.includes('python-repr'))
}

function readFolder(folder: 'same-day' | 'final' | 'odd', isAsked: (file: string) => boolean): CapturedAbstract[] {
  const directory = new URL(`${folder}/`, CAPTURES)
  if (!existsSync(directory)) return []
  const files = readdirSync(directory).filter(isAsked)
  const papers = files.sort().flatMap((file) => JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as Row[])
  const byId = new Map(papers.map(({ paper }) => [paper.id, paper]))
  return [...byId.values()].map(({ id, title, summary, ai_summary }) => ({
    id,
    sha256: createHash('sha256').update(summary).digest('hex'),
    title: cleanText(cleanLine(title)),
    abstract: cleanText(cleanLine(summary)),
    sentences: splitSentences(cleanText(cleanLine(summary))),
    summary: ai_summary ?? '',
  }))
}

interface Row {
  paper: { id: string; title: string; summary: string; ai_summary?: string | null }
}
