// Whether this is `npm run test:full`: whole grids and storms where `npm test` takes a sample.

export const isFull = process.env.MODE === 'full'

/** How often a property is tried: in full so often, else a quarter of it. */
export const runs = (inFull: number) => (isFull ? inFull : Math.ceil(inFull / 4))
