// What each report of the public set is to be taken for: see reports/README.md.
import { readFileSync } from 'node:fs'
import type { Reading } from '../../../src/delivery/bounce/reading.ts'
import type { Said } from '../../../src/delivery/bounce/said.ts'

export interface Shape {
  name: string
  source: string
  kind: Reading['kind']
  /** Null where it says nothing about a mail. */
  type: Said['type'] | null
}

const WANTED: [kind: Reading['kind'], type: Said['type'] | null, names: string][] = [
  [
    'delivery-status',
    'hard-bounce',
    'lhost-postfix-03 rhost-google-01 lhost-exchange2007-01 lhost-outlook-02 lhost-sendmail-01 lhost-courier-02 lhost-amazonses-05',
  ],
  [
    'delivery-status',
    'soft-bounce',
    'lhost-postfix-05 lhost-postfix-28 lhost-exim-29 lhost-exchange2007-04 lhost-outlook-01 lhost-sendmail-10 lhost-amazonses-03',
  ],
  ['delivery-status', 'delayed', 'lhost-outlook-06 rfc3464-07'],
  [
    'odd-shape',
    'hard-bounce',
    'lhost-exim-05 lhost-qmail-01 lhost-qmail-11 lhost-gmail-01 lhost-exchange2003-01 lhost-yahoo-01 lhost-v5sendmail-02 lhost-domino-01 lhost-opensmtpd-01 lhost-amazonworkmail-01 lhost-zoho-01 lhost-mailru-01 lhost-gmx-02 lhost-x2-01 lhost-imailserver-01 lhost-mfilter-01 lhost-activehunter-01 lhost-dragonfly-24 rfc3464-37',
  ],
  [
    'odd-shape',
    'soft-bounce',
    'lhost-postfix-34 lhost-exim-01 lhost-qmail-05 lhost-gmail-07 lhost-yahoo-13 lhost-v5sendmail-01 lhost-x4-01 lhost-dragonfly-29',
  ],
  ['odd-shape', 'delayed', 'lhost-exim-38 lhost-gmail-06 lhost-opensmtpd-04 lhost-zoho-04 rfc3464-34'],
  ['complaint', 'complained', 'arf-01 arf-14'],
  // A failed authentication is nobody's wish.
  ['no-report', null, 'arf-19'],
  ['auto-reply', null, 'arf-26 rfc3834-01 rfc3834-02 rfc3834-03'],
]

export const KNOWN: readonly Shape[] = WANTED.flatMap(([kind, type, names]) =>
  names.split(' ').map((name) => {
    const source = readFileSync(new URL(`reports/${name}.eml`, import.meta.url), 'latin1')
    return { name, source, kind, type }
  }),
)
