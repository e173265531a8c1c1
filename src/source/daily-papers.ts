// Turns the setting SOURCE into a source of Daily Papers: an https:// address, or `file:` and a
// directory.
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'
import { openDailyPapersFiles } from './daily-papers-file.ts'
import { type DailyPapersHttpOptions, openDailyPapersHttp } from './daily-papers-http.ts'
import type { Source } from './paper.ts'

/**
 * Opens the source that `setting` names. Throws a UsageError, one clear line, when it names none.
 */
export function openSource(setting: string, options: Omit<DailyPapersHttpOptions, 'baseUrl'> = {}): Source {
  if (setting.startsWith('file://') && URL.canParse(setting)) return openDailyPapersFiles(fileURLToPath(setting))
  if (setting.startsWith('file:') && setting.length > 5) return openDailyPapersFiles(setting.slice(5))
  if (/^https?:\/\//i.test(setting)) return openDailyPapersHttp({ ...options, baseUrl: setting })
  throw new UsageError(`SOURCE is neither an https:// address nor file:DIRECTORY: ${setting}`)
}
