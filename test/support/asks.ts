// Sign-ups for tests.

import type { Ask } from '../../src/subscriber/consent.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'

/** A sign-up with everything left as it is by default. */
export function makeAsk(given: Partial<Ask> = {}): Ask {
  return {
    ...DEFAULT_RHYTHM,
    choices: parseChoices({}),
    silence: 'silent',
    welcome: true,
    consentSource: 'form',
    consentPage: 'front en 1',
    ...given,
  }
}
