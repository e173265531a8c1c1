// Every step of the schema, in order. A step that was released never changes.
import { up as initial } from './001-initial.ts'
import { up as silence } from './002-silence.ts'
import { up as welcomeAndNotes } from './003-welcome-and-notes.ts'
import { up as remarks } from './004-remarks.ts'
import { up as notices } from './005-notices.ts'
import { up as search } from './006-search.ts'
import { up as feedback } from './007-feedback.ts'
import { up as providers } from './008-providers.ts'
import { up as rateLimits } from './009-rate-limits.ts'
import { up as sharedChoices } from './010-shared-choices.ts'
import { up as findable } from './011-findable.ts'
import { up as spentCredentials } from './012-spent-credentials.ts'
import { up as openings } from './013-openings.ts'
import { up as stops } from './014-stops.ts'
import { up as placesBefore } from './015-places-before.ts'
import { up as testMails } from './016-test-mails.ts'
import { up as suppressionNotes } from './017-suppression-notes.ts'
import { up as clock } from './018-clock.ts'
import { up as lineage } from './019-lineage.ts'
import { up as looks } from './020-looks.ts'
import { up as mailboxes } from './021-mailboxes.ts'
import { up as linkKeys } from './022-link-keys.ts'
import { up as alarms } from './023-alarms.ts'
import { up as marking } from './024-marking.ts'
import { up as morning } from './025-morning.ts'
import { up as heartbeats } from './026-heartbeats.ts'
import { up as goodName } from './027-good-name.ts'
import { up as recoveredPapers } from './028-recovered-papers.ts'
import { up as bounceMailboxes } from './029-bounce-mailboxes.ts'
import { up as retention } from './030-retention.ts'
import { up as foundByIndex } from './031-found-by-index.ts'
import { up as foundByTitle } from './032-found-by-title.ts'
import { up as providerPaces } from './033-provider-paces.ts'
import { up as readersByChoices } from './034-readers-by-choices.ts'
import { up as narrowDeliveries } from './035-narrow-deliveries.ts'
import { up as readerClocks } from './036-reader-clocks.ts'
import { up as sharedClocks } from './037-shared-clocks.ts'
import { up as liftedSuppressions } from './038-lifted-suppressions.ts'
import { up as settingsApart } from './039-settings-apart.ts'

export const migrations = {
  '001-initial': { up: initial },
  '002-silence': { up: silence },
  '003-welcome-and-notes': { up: welcomeAndNotes },
  '004-remarks': { up: remarks },
  '005-notices': { up: notices },
  '006-search': { up: search },
  '007-feedback': { up: feedback },
  '008-providers': { up: providers },
  '009-rate-limits': { up: rateLimits },
  '010-shared-choices': { up: sharedChoices },
  '011-findable': { up: findable },
  '012-spent-credentials': { up: spentCredentials },
  '013-openings': { up: openings },
  '014-stops': { up: stops },
  '015-places-before': { up: placesBefore },
  '016-test-mails': { up: testMails },
  '017-suppression-notes': { up: suppressionNotes },
  '018-clock': { up: clock },
  '019-lineage': { up: lineage },
  '020-looks': { up: looks },
  '021-mailboxes': { up: mailboxes },
  '022-link-keys': { up: linkKeys },
  '023-alarms': { up: alarms },
  '024-marking': { up: marking },
  '025-morning': { up: morning },
  '026-heartbeats': { up: heartbeats },
  '027-good-name': { up: goodName },
  '028-recovered-papers': { up: recoveredPapers },
  '029-bounce-mailboxes': { up: bounceMailboxes },
  '030-retention': { up: retention },
  '031-found-by-index': { up: foundByIndex },
  '032-found-by-title': { up: foundByTitle },
  '033-provider-paces': { up: providerPaces },
  '034-readers-by-choices': { up: readersByChoices },
  '035-narrow-deliveries': { up: narrowDeliveries },
  '036-reader-clocks': { up: readerClocks },
  '037-shared-clocks': { up: sharedClocks },
  '038-lifted-suppressions': { up: liftedSuppressions },
  '039-settings-apart': { up: settingsApart },
}
