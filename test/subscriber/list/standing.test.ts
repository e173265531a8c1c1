import { describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/errors.ts'
import { readHeader } from '../../../src/subscriber/list/file.ts'

/** Reads one row of a file; a string says why it is refused. */
function read(header: string, row: string) {
  return readHeader(header.split(',')).read(row.split(','), new Set(['UTC']))
}

describe('who may be written to', () => {
  it.each([
    ['email,first_name,status,created_at', 'a@b.org,Ada,active,2024-05-01 07:00:00 UTC', 'import'],
    ['email,type,unsubscription_date', 'a@b.org,regular,', 'import: buttondown'],
    ['email,type,unsubscription_date', 'a@b.org,premium,', 'import: buttondown'],
    ['Email,Name,active_subscription,email_disabled', 'a@b.org,Ada,false,false', 'import: substack'],
    ['id,email,subscribed_to_emails,deleted_at', '1,a@b.org,true,', 'import: ghost'],
    ['email,unsubscribed,hard bounces', 'a@b.org,No,0', 'import'],
    ['email,Subscribed', 'a@b.org,2024-05-01', 'import'],
    // These say nothing of it.
    ['email,type,state,notes', 'a@b.org,customer,NY,was disabled once', 'import'],
    ['email,unsubscribe_url', 'a@b.org,https://example.org/u/1', 'import'],
  ])('is who is there: %s | %s', (header, row, consentSource) => {
    expect(read(header, row)).toMatchObject({ consent: 'confirmed', consentSource, leftAt: null })
  })

  it.each([
    ['email,status', 'a@b.org,Inactive', 'import', null],
    ['email,subscription_status', 'a@b.org,unsubscribed', 'import', null],
    ['email,type,unsubscription_date', 'a@b.org,unsubscribed,2024-05-01', 'import: buttondown', '2024-05-01'],
    ['email,type,unsubscription_date', 'a@b.org,regular,2024-05-01', 'import: buttondown', '2024-05-01'],
    ['email,type', 'a@b.org,unsubscribed', 'import', null],
    ['email,type,unsubscription_date', 'a@b.org,complained,', 'import: buttondown, complained', null],
    ['Email,Name,email_disabled', 'a@b.org,B,true', 'import: substack', null],
    ['email,subscribed_to_emails', 'a@b.org,false', 'import: ghost', null],
    ['email,Unsubscribed from all email', 'a@b.org,Yes', 'import', null],
    ['email,Opt-Out', 'a@b.org,x', 'import', null],
    ['email,bounced at', 'a@b.org,1/2/2024', 'import', null],
    ['email,deleted_at', 'a@b.org,2024-05-01T07:00:00Z', 'import', '2024-05-01T07:00'],
    ['email,unsubscribe reason', 'a@b.org,too many', 'import', null],
    ['email,status,suppressed', 'a@b.org,enabled,spam', 'import', null],
  ])('is not who left: %s | %s', (header, row, consentSource, leftAt) => {
    const found = read(header, row)
    expect(found).toMatchObject({ consent: 'unsubscribed', consentSource })
    const { leftAt: told } = found as { leftAt: string | null }
    expect(leftAt === null ? told === null : told?.startsWith(leftAt)).toBe(true)
  })

  it.each([
    ['email,status', 'a@b.org,pending', 'status "pending" is no consent'],
    ['email,status', 'a@b.org,validating', 'status "validating" is no consent'],
    ['email,type,unsubscription_date', 'a@b.org,unactivated,', 'type "unactivated" is no consent'],
    ['email,type,unsubscription_date', 'a@b.org,upcoming,', 'type "upcoming" is no consent'],
    ['email,type', 'a@b.org,unactivated', 'type "unactivated" is no consent'],
    ['email,subscribed', 'a@b.org,', 'subscribed is empty: that is no consent'],
    ['email,opt_in', 'a@b.org,maybe', 'opt_in "maybe" is no consent'],
  ])('is not who never confirmed: %s | %s', (header, row, reason) => {
    expect(read(header, row)).toBe(reason)
  })

  it('refuses a file where nobody can tell who left', () => {
    for (const name of [
      'Unsubscribed',
      'email_disabled',
      'Bounces',
      'suppression',
      'Opt out',
      'complaints',
      'Deleted',
    ]) {
      expect(() => read(`email,${name}`, 'a@b.org,perhaps'), name).toThrow(UsageError)
      expect(() => read(`email,${name}`, 'a@b.org,perhaps')).toThrow(
        `the column ${name} may tell who left, but "perhaps" there is neither yes, no nor a time: save the file without`,
      )
    }
  })
})
