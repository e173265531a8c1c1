// Runs the asked-for roles until the process is told to stop.
import { readConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import { openLogger } from '../logger.ts'
import { ROLES, type Role, start } from '../main.ts'
import { parseAll } from './arguments.ts'
import { untilSignal } from './signal.ts'

export async function startCommand(options: { roles?: string }): Promise<void> {
  const { roles, config } = parseAll({
    roles: () => (options.roles ?? ROLES.join()).split(',').map(parseRole),
    config: () => readConfig('mail'),
  })
  await start(config, roles, openLogger(config.logLevel ?? 'info'), untilSignal())
}

function parseRole(text: string): Role {
  const role = ROLES.find((name) => name === text.trim())
  if (!role) throw new UsageError(`--roles ${text} is not a role: choose from ${ROLES.join(', ')}`)
  return role
}
