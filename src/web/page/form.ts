// A request's form as plain strings. Whatever arrives, broken or strange, becomes a form: an empty
// one at worst.
import type { Context } from 'hono'

export interface Form {
  /** '' for a field that is missing or no text. */
  get(name: string): string
}

/** Reads an urlencoded or multipart body. A body that is neither, or cut short, has no fields. */
export async function readForm(c: Context): Promise<Form> {
  const fields = new Map<string, string>()
  try {
    for (const [name, value] of Object.entries(await c.req.parseBody())) {
      // PostgreSQL's text takes no NUL, and no field of ours means one.
      if (typeof value === 'string') fields.set(name, value.replaceAll('\0', ''))
    }
  } catch {
    // Each reader of a form decides what a missing field means.
  }
  return { get: (name) => fields.get(name) ?? '' }
}
