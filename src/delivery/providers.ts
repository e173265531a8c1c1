// Opens the provider that the settings name.
import type { ProviderSettings } from '../config.ts'
import { openOutbox } from './outbox.ts'
import type { Provider } from './provider.ts'
import { openResend } from './resend.ts'

export function openProvider(settings: ProviderSettings, requestsPerSecond: number): Provider {
  switch (settings.name) {
    case 'outbox':
      return openOutbox({ directory: settings.directory })
    case 'resend':
      return openResend({
        apiKey: settings.apiKey,
        requestsPerSecond,
        ...(settings.baseUrl ? { baseUrl: settings.baseUrl } : {}),
      })
  }
}
