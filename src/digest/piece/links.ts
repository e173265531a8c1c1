// The links of a mail: rebuilt from validated parts or refused. Only pages that exist are linked.
import { arxivIdOf } from '../../source/outside-link.ts'
import type { Paper } from '../../source/paper.ts'
import { markSlot } from './piece.ts'

export interface PaperLinks {
  paper: string
  pdf: string
  discussion: string
  code: string | null
  project: string | null
}

export interface HostLinks {
  front: string
  archive: string
  /** With the slot of the personal token inside. */
  unsubscribe: string
  view: string
  preferences: string
}

/** Returns undefined for a paper without a valid arXiv id: nothing of it is linked then. */
export function paperLinks(paper: Pick<Paper, 'arxivId' | 'codeUrl' | 'projectUrl'>): PaperLinks | undefined {
  const id = paper.arxivId
  if (id === null || arxivIdOf(id) === null || /\s/.test(id)) return undefined
  const code = httpsLink(paper.codeUrl)
  const project = httpsLink(paper.projectUrl)
  return {
    paper: `https://arxiv.org/abs/${id}`,
    pdf: `https://arxiv.org/pdf/${id}`,
    discussion: `https://huggingface.co/papers/${id}`,
    code,
    // Where the repository is all the page that a project has, one link leads there.
    project: code !== null && project !== null && placeOf(project) === placeOf(code) ? null : project,
  }
}

/** Returns the arXiv ids of the papers that a mail links, each once, in their order. */
export function linkedPapers(html: string): string[] {
  return [...new Set([...html.matchAll(/ href="https:\/\/arxiv\.org\/abs\/([^"\s]+)"/g)].map(([, id]) => id as string))]
}

/** Returns the pages of the host that exist today. `publicUrl` has no slash at its end. */
export function hostLinks(publicUrl: string): HostLinks {
  return {
    front: `${publicUrl}/`,
    archive: `${publicUrl}/editions`,
    unsubscribe: `${publicUrl}/unsubscribe/${markSlot('unsubscribe')}`,
    view: `${publicUrl}/view/${markSlot('view')}`,
    preferences: `${publicUrl}/preferences/${markSlot('preferences')}`,
  }
}

/** The pages that one reader's links lead to. */
export type OwnPage = 'confirm' | 'address' | 'export' | 'erase' | 'undo' | 'preferences' | 'unsubscribe'

/**
 * Returns the link of one reader to a page of theirs. Throws on a token that a link could not
 * carry.
 */
export function ownLink(publicUrl: string, page: OwnPage, token: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(token)) throw new Error('a token of other than URL-safe characters')
  return `${publicUrl}/${page}/${token}`
}

/** Returns where a link leads, however it is spelt. */
function placeOf(link: string): string {
  return link
    .toLowerCase()
    .replace(/^https:\/\/(?:www\.)?/, '')
    .replace(/(?:\.git)?\/*(?:[?#].*)?$/, '')
}

/** Returns the link as a browser would read it; null for anything but https without a user name. */
function httpsLink(link: string | null): string | null {
  if (link === null || !URL.canParse(link)) return null
  const url = new URL(link)
  return url.protocol === 'https:' && url.username === '' && url.password === '' ? url.href : null
}
