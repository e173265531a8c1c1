// Whom the batch of a number is for.
export const BATCH = 100

export function listReaders(batch) {
  return Array.from({ length: BATCH }, (_, index) => ({
    address: `reader-${batch}-${index}@papers.example`,
    link: `https://papers.example/unsubscribe/${batch}-${index}`,
  }))
}

export const FROM = 'Papers <papers@round.example>'
export const SUBJECT = 'The papers of the day'

/** Throws what the client answers instead of throwing. */
export function demand({ data, error }) {
  if (error) throw new Error(error.message)
  return data
}
