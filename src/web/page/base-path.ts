// The path that PUBLIC_URL may have, as requests bring it. A proxy takes it off or leaves it, and
// links that were mailed before there was one never had it: all of them lead to the same pages.
import { getPath } from 'hono/utils/url'

/**
 * Returns what reads the path of a request, without that of `publicUrl` in front. Where one of
 * `routes` begins as that does, a path with it would be two things at once, and stays as it is.
 */
export function openPathReader(publicUrl: string, routes: readonly string[]): (request: Request) => string {
  const base = getPath(new Request(publicUrl)).replace(/\/+$/, '')
  const isRoute = routes.some((path) => firstOf(path) === firstOf(base))
  if (base === '' || isRoute) return getPath
  return (request) => {
    const path = getPath(request)
    if (path === base) return '/'
    return path.startsWith(`${base}/`) ? path.slice(base.length) : path
  }
}

function firstOf(path: string): string | undefined {
  return path.split('/')[1]
}
