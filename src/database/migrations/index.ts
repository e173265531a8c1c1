// Every step of the schema, in order. A step that was released never changes.
import { up as initial } from './001-initial.ts'
import { up as silence } from './002-silence.ts'
import { up as providers } from './008-providers.ts'

export const migrations = {
  '001-initial': { up: initial },
  '002-silence': { up: silence },
  '008-providers': { up: providers },
}
