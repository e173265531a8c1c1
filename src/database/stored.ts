// How stored JSON is read: a newer program may run beside this one, and an older one wrote before
// it. A field that is missing, or that this program cannot read, has its default; one that it does
// not know stays where it is, so that writing the row again keeps it. A default, once released,
// never changes: rows without the field mean it.
import type * as z from 'zod'

/** Reads a stored object by its schema: a loose one, each field of which catches its default. */
export function readStored<S extends z.ZodObject>(schema: S, stored: unknown): z.output<S> {
  return schema.parse(recordOf(stored))
}

function recordOf(stored: unknown): object {
  return typeof stored === 'object' && stored !== null && !Array.isArray(stored) ? stored : {}
}
