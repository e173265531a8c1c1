// Opens the providers that the settings name, in their order.
import type { Config, ProviderSettings } from '../config.ts'
import { openOutbox } from './provider/outbox.ts'
import type { Provider } from './provider/provider.ts'
import { openResend } from './provider/resend/resend.ts'
import { openSmtp } from './provider/smtp/smtp.ts'

export function openProviders({
  providers,
  sendRate,
}: Pick<Config, 'providers' | 'sendRate'>): [Provider, ...Provider[]] {
  const [first, ...others] = providers
  return [openProvider(first, sendRate), ...others.map((settings) => openProvider(settings, sendRate))]
}

function openProvider(settings: ProviderSettings, requestsPerSecond: number): Provider {
  const { quota } = settings
  switch (settings.name) {
    case 'outbox':
      return openOutbox({ directory: settings.directory, quota })
    case 'resend':
      return openResend({
        apiKey: settings.apiKey,
        requestsPerSecond,
        quota,
        ...(settings.baseUrl ? { baseUrl: settings.baseUrl } : {}),
      })
    case 'smtp':
      return openSmtp({ server: settings.server, dkim: settings.dkim, requestsPerSecond, quota })
  }
}
