// Whether this is `npm run test:full`: whole grids and storms where `npm test` takes a sample.

export const isFull = process.env.MODE === 'full'
