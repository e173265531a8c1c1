// Opens the providers that the settings name, in their order. What speaks to a mail server is
// loaded where one is named.
import { type BounceHome, writeBounceAddress } from '../subscriber/bounce-address.ts'
import { deriveLinkKeys } from '../subscriber/token.ts'
import { openOutbox } from './provider/outbox.ts'
import type { Provider, Quota } from './provider/provider.ts'
import { openResend } from './provider/resend/resend.ts'
import type { DkimSettings } from './provider/smtp/dkim.ts'
import type { SmtpServer, SmtpSettings } from './provider/smtp/smtp.ts'

/** What the host says of one provider. */
export type ProviderSettings = { quota: Quota } & (
  | { name: 'outbox'; directory: string }
  | { name: 'resend'; apiKey: string; baseUrl: string | undefined }
  | { name: 'smtp'; server: SmtpServer; dkim: DkimSettings | null; domainRate?: number | undefined }
)

export async function openProviders({
  providers,
  sendRate,
  bounces = null,
  linkSecrets = [],
}: {
  /** In order: the next one takes over what a provider cannot take. */
  providers: readonly [ProviderSettings, ...ProviderSettings[]]
  /** Requests a second to each provider that is paced. */
  sendRate?: number | undefined
  /** Where bounces of what SMTP sends are taken; they go to the sender without it. */
  bounces?: { home: BounceHome } | null
  /** What sign their addresses, newest first. */
  linkSecrets?: readonly string[]
}): Promise<[Provider, ...Provider[]]> {
  const keys = bounces === null || linkSecrets.length === 0 ? undefined : deriveLinkKeys(linkSecrets)
  const envelopeSender: EnvelopeSender =
    bounces === null || keys === undefined
      ? undefined
      : (mail) => writeBounceAddress(keys, bounces.home, mail, new Date())
  const open = (settings: ProviderSettings) => openProvider(settings, sendRate, envelopeSender)
  const [first, ...others] = providers
  return [await open(first), ...(await Promise.all(others.map(open)))]
}

type EnvelopeSender = SmtpSettings['envelopeSender']

/** What Resend allows a new account. */
const RESEND_RATE = 5

async function openProvider(
  settings: ProviderSettings,
  sendRate: number | undefined,
  envelopeSender: EnvelopeSender,
): Promise<Provider> {
  const { quota } = settings
  switch (settings.name) {
    case 'outbox':
      return openOutbox({ directory: settings.directory, quota })
    case 'resend':
      return openResend({
        apiKey: settings.apiKey,
        requestsPerSecond: sendRate ?? RESEND_RATE,
        quota,
        ...(settings.baseUrl ? { baseUrl: settings.baseUrl } : {}),
      })
    case 'smtp': {
      const { openSmtp } = await import('./provider/smtp/smtp.ts')
      return openSmtp({ ...settings, requestsPerSecond: sendRate ?? null, quota, envelopeSender })
    }
  }
}
