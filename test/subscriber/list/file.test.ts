import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CADENCES, SILENCES } from '../../../src/database/states.ts'
import { UsageError } from '../../../src/errors.ts'
import {
  findSeparator,
  LIST_COLUMNS,
  type ListedSubscriber,
  listCells,
  readHeader,
} from '../../../src/subscriber/list/file.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'

const ZONES = new Set(['UTC', 'Asia/Kolkata'])

/** Reads one row of a file; a string says why it is refused. */
function read(header: string, row: string) {
  return readHeader(header.split(',')).read(row.split(','), ZONES)
}

describe('readHeader', () => {
  it.each([
    ['email,name,status,attributes', 'listmonk'],
    ['uuid,email,name,attributes,status,created_at,updated_at', 'listmonk'],
    ['Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME', 'mailchimp'],
    [LIST_COLUMNS.join(','), 'own'],
    ['email,type,creation_date,unsubscription_date', 'buttondown'],
    ['Email,Name,email_disabled,active_subscription', 'substack'],
    ['id,email,name,note,subscribed_to_emails,created_at,deleted_at', 'ghost'],
    ['email,status', 'addresses'],
    ['Name,E-Mail', 'addresses'],
    ['EMAIL', 'addresses'],
  ])('knows %s as %s', (header, format) => {
    expect(readHeader(header.split(',')).format).toBe(format)
  })

  it('refuses a file without a column of addresses', () => {
    expect(() => readHeader(['Name', 'Phone'])).toThrow(UsageError)
    expect(() => readHeader(['e-mail;zone'])).toThrow(/^semicolons separate the columns of the first line: save/)
    expect(() => readHeader(['Name\tEmail Address'])).toThrow(/^tabs separate the columns/)
    expect(findSeparator('"Name";"E-Mail"')).toMatch(/^semicolons separate/)
    expect(findSeparator('"Name","E-Mail"')).toBeUndefined()
    expect(() => readHeader(['ada@example.org'])).toThrow(/first line is an address already: write a line above it/)
  })
})

describe('columns that are not read', () => {
  it.each([
    ['email,Time Zone,hour', []],
    ['E-Mail,First Name,hours,', ['First Name', 'hours']],
    ['email,status,zone,hour,cadence,weekday', []],
    ['uuid,email,name,attributes,status', ['uuid', 'name', 'attributes']],
    ['Email Address,OPTIN_TIME,LEID,NOTES,hour', ['NOTES', 'hour']],
    [`${LIST_COLUMNS.join(',')},colour`, ['colour']],
  ])('are named: %s', (header, unread) => {
    expect(readHeader(header.split(',')).unread).toEqual(unread)
  })
})

it("warns of listmonk's file, which does not tell who left a list", () => {
  expect(readHeader(['uuid', 'email', 'status']).caution).toContain('subscription_status=confirmed')
  expect(readHeader(['email', 'status']).caution).toBeUndefined()
})

describe('a row of another list', () => {
  it('brings consent facts of Mailchimp', () => {
    const header = 'Email Address,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TIMEZONE,MEMBER_RATING'
    const row = 'Ada@Example.org,2021-03-05 14:02:11,192.0.2.1,2021-03-05 14:05:00,192.0.2.2,Asia/Kolkata,2'
    expect(read(header, row)).toMatchObject({
      address: 'ada@example.org',
      consent: 'confirmed',
      consentSource: 'import: mailchimp',
      consentPage: 'subscribers import',
      consentNote: 'asked from 192.0.2.1, confirmed from 192.0.2.2',
      askedAt: '2021-03-05T14:02:11.000Z',
      confirmedAt: '2021-03-05T14:05:00.000Z',
      zone: 'Asia/Kolkata',
    })
  })

  it('heeds the rhythm of a list that was written by hand', () => {
    const header = 'email,zone,hour,cadence,weekday'
    expect(read(header, 'a@b.org,Asia/Kolkata,9,weekly,fri')).toMatchObject({
      ...{ consent: 'confirmed', consentSource: 'import' },
      ...{ zone: 'Asia/Kolkata', hour: 9, cadence: 'weekly', weekday: 5 },
    })
    expect(read('email,Time Zone,hour', 'a@b.org,Asia/Kolkata,9')).toMatchObject({ zone: 'Asia/Kolkata', hour: 9 })
    expect(read(`${header},status`, 'a@b.org,Asia/Kolkata,9,weekly,fri,unsubscribed')).toMatchObject({
      ...{ consent: 'unsubscribed', zone: 'Asia/Kolkata', hour: 9, cadence: 'weekly', weekday: 5 },
    })
    expect(read(header, 'a@b.org,Mars/Base,,,')).toMatchObject({ zone: 'UTC', hour: 7, cadence: 'daily' })
    expect(read(header, 'a@b.org,,25,,')).toBe('hour is not a whole number from 0 to 23')
  })

  it.each([
    ['Email Address,OPTIN_TIME,UNSUB_TIME', 'a@b.org,,2022-01-01 00:00:00', 'import: mailchimp'],
    ['Email Address,OPTIN_TIME,CLEAN_TIME', 'a@b.org,,2022-01-01 00:00:00', 'import: mailchimp, cleaned'],
    ['email,name,status,attributes', 'a@b.org,A,blocklisted,{}', 'import: listmonk, blocklisted'],
    ['email,name,status,attributes', 'a@b.org,A,Disabled,{}', 'import: listmonk'],
  ])('takes over who left, bounced or was blocked as unsubscribed: %s', (header, row, consentSource) => {
    expect(read(header, row)).toMatchObject({ consent: 'unsubscribed', consentSource })
  })

  it.each([
    ['email,status', 'a@b.org,unconfirmed', 'status "unconfirmed" is no consent'],
    ['email,status', 'a@b.org,constructor', 'status "constructor" is no consent'],
    ['email,status', 'nobody,enabled', 'not an address of the form name@host.tld'],
    ['email', 'jürgen@example.org', 'an address with letters beyond ASCII before the @, which cannot be written to'],
    ['name,email', 'only a name', 'not an address of the form name@host.tld'],
    ['email,OPTIN_TIME', 'a@b.org,yesterday', 'optin_time is not a time like 2026-03-05 07:00:00'],
    ['email,OPTIN_TIME', 'a@b.org,2021-13-05 14:02:11', 'optin_time is not a time like 2026-03-05 07:00:00'],
    [
      'email,consent,confirmed_at',
      'a@b.org,confirmed,2026-02-29 07:00:00',
      'confirmed_at is not a time like 2026-03-05 07:00:00',
    ],
    ['email,consent,zone', 'a@b.org,confirmed,Mars', 'unknown time zone "Mars"'],
    ['email,consent,hour', 'a@b.org,confirmed,25', 'hour is not a whole number from 0 to 23'],
    ['email,consent', 'a@b.org,maybe', 'consent is none of pending, confirmed, unsubscribed'],
    ['email,consent,include', 'a@b.org,confirmed,robots', 'include is not a list like ["one", "two"]'],
    ['email,consent,papers', 'a@b.org,confirmed,many', 'papers is not a whole number'],
    [
      'email,consent,papers,minimum_votes',
      'a@b.org,confirmed,99,-1',
      'papers is more than 50; minimum_votes is less than 0',
    ],
    ['email,consent,length', 'a@b.org,confirmed,long', 'length is none of titles, short, full'],
    ['email,consent,include', 'a@b.org,confirmed,["x"]', 'include, entry 1 has fewer than 2 characters'],
  ])('is refused with its reason: %s | %s', (header, row, reason) => {
    expect(read(header, row)).toBe(reason)
  })

  it.each([
    ['2021-03-05T14:02:11Z', '2021-03-05T14:02:11.000Z'],
    ['2021-03-05 14:02:11.123+00', '2021-03-05T14:02:11.123Z'],
    ['2021-03-05 14:02:11.5 +0530 IST', '2021-03-05T08:32:11.500Z'],
    ['2021-03-05 14:02', '2021-03-05T14:02:00.000Z'],
  ])('may say a time as %s', (text, askedAt) => {
    expect(read('email,status,created_at', `a@b.org,enabled,${text}`)).toMatchObject({ askedAt })
  })
})

it('takes the rhythm of the whole list where a row names none, and says which zones it does not know', () => {
  const reader = readHeader(['email', 'timezone', 'status'], {
    ...{ cadence: 'working-days', weekday: 1, hour: 18, zone: 'Asia/Kolkata' },
  })
  const heard: string[] = []
  const zoneOf = (zone: string) => {
    const found = reader.read(['a@b.org', zone, 'enabled'], ZONES, (words) => heard.push(words))
    return typeof found === 'string' ? found : `${found.cadence} ${found.hour} ${found.zone}`
  }
  expect(['UTC', '', 'Mars'].map(zoneOf)).toEqual([
    'working-days 18 UTC',
    'working-days 18 Asia/Kolkata',
    'working-days 18 Asia/Kolkata',
  ])
  expect(heard).toEqual(['unknown time zone "Mars": Asia/Kolkata is used'])
  expect(
    readHeader(['email', 'consent', 'hour'], { cadence: 'daily', weekday: 1, hour: 18, zone: 'UTC' }).read(
      ['a@b.org', 'confirmed', '9'],
      ZONES,
    ),
  ).toMatchObject({ hour: 9, zone: 'UTC' })
})

describe('our own file', () => {
  const phrase = fc.oneof(
    fc.constantFrom('=1+1', "'=x", "''-y", '@all', '+cmd', 'a, "b"', 'robots'),
    fc.lorem({ maxCount: 2 }).filter((text) => text.length > 1),
  )
  const moment = fc.option(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }))
  const subscriber: fc.Arbitrary<ListedSubscriber> = fc.record({
    address: fc.constantFrom(
      'ada@example.org',
      '=1@example.org',
      "'=1@example.org",
      '+x@example.org',
      '-x@example.org',
    ),
    consent: fc.constantFrom('pending', 'confirmed', 'unsubscribed'),
    consentSource: phrase,
    consentPage: fc.option(phrase),
    askedAt: moment.map((at) => at?.toISOString() ?? null),
    confirmedAt: moment.map((at) => at?.toISOString() ?? null),
    leftAt: moment.map((at) => at?.toISOString() ?? null),
    pausedUntil: moment.map((at) => at?.toISOString().slice(0, 10) ?? null),
    cadence: fc.constantFrom(...CADENCES),
    weekday: fc.integer({ min: 1, max: 7 }),
    hour: fc.integer({ min: 0, max: 23 }),
    zone: fc.constantFrom(...ZONES),
    silence: fc.constantFrom(...SILENCES),
    choices: fc
      .record({
        papers: fc.integer({ min: 1, max: 50 }),
        onlyWithCode: fc.boolean(),
        include: fc.array(phrase, { maxLength: 3 }),
      })
      .map(parseChoices),
    consentNote: fc.option(phrase),
    createdAt: moment.map((at) => at?.toISOString() ?? null),
    suppressed: fc.option(
      fc.record({
        reason: fc.constantFrom('bounce', 'operator'),
        note: fc.option(phrase),
        since: moment.map((at) => at?.toISOString() ?? null),
      }),
    ),
  })

  it('is read back as it was written, and holds nothing that a spreadsheet runs', () => {
    const reader = readHeader(LIST_COLUMNS)
    fc.assert(
      fc.property(subscriber, (given) => {
        const cells = listCells(given)
        expect(reader.read(cells, ZONES)).toEqual(given)
        expect(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([])
      }),
    )
  })
})
