// How whoever reads a hint calls this program: from its sources, from a folder it was installed in,
// or as the compiled program itself.
import { fileURLToPath } from 'node:url'

export const CALL = callFrom(fileURLToPath(import.meta.url))

/** Returns the words before a command's name, by where this file lies. */
export function callFrom(file: string): string {
  if (/[\\/]node_modules[\\/]paper-round[\\/]/.test(file)) return 'npx paper-round'
  return file.endsWith('.ts') ? 'npm run -s paper-round --' : 'node dist/cli.js'
}
