// A delivery status notification (RFC 3464, and RFC 6533 for addresses beyond ASCII). Pure.

import { judgeRefusal } from '../provider/severity.ts'
import { addressIn, type Fields, fieldOf, readFields } from './fields.ts'
import type { Said } from './said.ts'

export const DELIVERY_STATUS = /^message\/(global-)?delivery-status$/

/** Returns what the part says of each recipient; nothing where it is not what its type says. */
export function readDeliveryStatus(content: string): Said[] {
  return readFields(content).flatMap((fields) => {
    const recipients = ['original-recipient', 'final-recipient', 'x-actual-recipient']
      .map((name) => addressIn(fieldOf(fields, name)))
      .filter((address) => address !== undefined)
    const type = typeOf(fields)
    return type === undefined || fieldOf(fields, 'final-recipient') === undefined ? [] : [{ type, recipients }]
  })
}

function typeOf(fields: Fields): Said['type'] | undefined {
  const status = fieldOf(fields, 'status')
  const words = fields.filter(({ name }) => /^(x-.*)?diagnostic-code$|^x-.*(reason|text)$/.test(name))
  const action = /^[a-z]+/i.exec(fieldOf(fields, 'action') ?? '')?.[0].toLowerCase() ?? actionOf(status)
  switch (action) {
    case 'failed':
    case 'failure':
    case 'expired':
      return judgeRefusal({ status, words: words.map(({ value }) => value).join(' ') })
    case 'delayed':
    case 'deferred':
      return 'delayed'
    case 'delivered':
      return 'delivered'
    // It went on to where nothing is told of any more.
    case 'relayed':
    case 'expanded':
    // Nothing was sent: somebody only asked.
    case 'deliverable':
      return 'sent'
    default:
      return undefined
  }
}

/** Some leave the action out. */
function actionOf(status: string | undefined): string | undefined {
  switch (status?.trim()[0]) {
    case '5':
      return 'failed'
    case '4':
      return 'delayed'
    case '2':
      return 'delivered'
    default:
      return undefined
  }
}
