// Runs the asked-for roles until the process is told to stop.
import { listSet, type Reach, readConfig, SETTING_NAMES } from '../config.ts'
import { UsageError } from '../errors.ts'
import { openLogger } from '../logger.ts'
import { ROLES, type Role, start } from '../main.ts'
import { parseAll } from './arguments.ts'
import { judgeSettings } from './settings.ts'
import { untilSignal } from './signal.ts'

export async function startCommand(options: { roles?: string; newSecret?: boolean }): Promise<void> {
  const { roles, config } = parseAll({
    roles: () => parseRoles(options.roles ?? ROLES.join()),
    config: () => readConfig(reachOf(options.roles)),
  })
  const logger = openLogger(config.logLevel ?? 'info')
  for (const { state, says, remedy } of judgeSettings(config, listSet(), SETTING_NAMES)) {
    if (state !== 'ok') logger.warn({ event: 'settings.doubtful' }, `${says}: ${remedy}`)
  }
  await start(config, roles, logger, untilSignal(), { newSecret: options.newSecret ?? false })
}

/** Only a worker hands emails to a provider: no other role is asked for what that takes. */
function reachOf(roles: string | undefined): Reach {
  return roles === undefined || /\bworker\b/.test(roles) ? 'mail' : 'links'
}

/** Returns the roles of a list. Throws a UsageError with every name that is none. */
function parseRoles(text: string): Role[] {
  const names = text.split(',').map((name) => name.trim())
  const roles = names.flatMap((name) => ROLES.find((role) => role === name) ?? [])
  if (roles.length === names.length) return roles
  const wrong = names.filter((name) => !ROLES.some((role) => role === name)).map((name) => name || "''")
  const are = wrong.length === 1 ? 'is not a role' : 'are no roles'
  throw new UsageError(`--roles ${wrong.join(', ')} ${are}: choose from ${ROLES.join(', ')}`)
}
