// Opens the providers that the settings name, in their order.
import { openOutbox } from './provider/outbox.ts'
import type { Provider, Quota } from './provider/provider.ts'
import { openResend } from './provider/resend/resend.ts'
import type { DkimSettings } from './provider/smtp/dkim.ts'
import { openSmtp, type SmtpServer } from './provider/smtp/smtp.ts'

/** What the host says of one provider. */
export type ProviderSettings = { quota: Quota } & (
  | { name: 'outbox'; directory: string }
  | { name: 'resend'; apiKey: string; baseUrl: string | undefined }
  | { name: 'smtp'; server: SmtpServer; dkim: DkimSettings | null; domainRate?: number | undefined }
)

export function openProviders({
  providers,
  sendRate,
}: {
  /** In order: the next one takes over what a provider cannot take. */
  providers: readonly [ProviderSettings, ...ProviderSettings[]]
  /** Requests a second to each provider that wants pacing. */
  sendRate: number
}): [Provider, ...Provider[]] {
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
      return openSmtp({ ...settings, requestsPerSecond, quota })
  }
}
