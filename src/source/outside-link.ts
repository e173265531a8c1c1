// Turns addresses that strangers wrote into links that may stand in a mail, or into null. Never
// prints one as it came: an arXiv id and a repository are taken apart, checked and rebuilt; a
// project page must be an ordinary public address.

/**
 * Longest project address kept: longer ones are tracking links or mistakes (the longest seen has
 * 135 characters).
 */
const PROJECT_URL_MAX = 200
/**
 * The present scheme, and that of before April 2007: archive, perhaps a subject class, year, month
 * and number (`cs/0112017`, `math.GT/0309136`).
 */
const ARXIV_ID =
  /^(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?\/(?:9\d|0[0-7])(?:0[1-9]|1[0-2])\d{3})(?:v\d{1,3})?$/
const GITHUB_OWNER = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/
const GITHUB_REPOSITORY = /^[A-Za-z0-9._-]{1,100}$/
/**
 * Two or more plain labels, the last of letters: shuts out IP addresses, single names and punycode
 * lookalikes.
 */
const PUBLIC_HOST = /^(?!.*(?:^|\.)xn--)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}$/
/** Names that lead nowhere public. */
const PRIVATE_HOST = /(?:^|\.)(?:local|localhost|internal|intranet|lan|home|corp|test|invalid|example|onion|alt|arpa)$/

/**
 * Returns the arXiv id without its version, of either scheme (`2508.04026`, `cs/0112017`), or null
 * when `id` is none.
 */
export function arxivIdOf(id: string | null | undefined): string | null {
  return ARXIV_ID.exec(id?.trim() ?? '')?.[1] ?? null
}

/**
 * Returns `https://github.com/owner/repository` rebuilt from any address inside a repository, else
 * null.
 */
export function codeUrlOf(address: string | null | undefined): string | null {
  const url = parse(address)
  if (!url || !['https:', 'http:'].includes(url.protocol)) return null
  if (!['github.com', 'www.github.com'].includes(url.host) || url.username || url.password) return null
  const [owner, name] = url.pathname.split('/').filter((part) => part !== '')
  const repository = name?.replace(/\.git$/, '')
  if (!owner || !repository || !GITHUB_OWNER.test(owner) || !GITHUB_REPOSITORY.test(repository)) return null
  return /^\.+$/.test(repository) ? null : `https://github.com/${owner}/${repository}`
}

/**
 * Returns a project page's address, or null unless it is https on a public host name without
 * credentials or port and at most 200 characters long. Hosts are not listed one by one: project
 * pages live on hundreds of them.
 */
export function projectUrlOf(address: string | null | undefined): string | null {
  const url = parse(address)
  if (url?.protocol !== 'https:' || url.username || url.password || url.port) return null
  if (!PUBLIC_HOST.test(url.hostname) || PRIVATE_HOST.test(url.hostname)) return null
  return url.href.length <= PROJECT_URL_MAX ? url.href : null
}

function parse(address: string | null | undefined): URL | null {
  const text = address?.trim()
  return text && URL.canParse(text) ? new URL(text) : null
}
