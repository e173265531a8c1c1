import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sendBeat, sendPost } from '../../../src/delivery/alarm/telling.ts'
import { ALARM_SECRET, openReceiver, type Receiver } from '../../support/receiver.ts'

const POST = {
  id: '7',
  body: JSON.stringify({ type: 'alarm.opened', text: 'Alarm', data: { name: 'disk', subject: '' } }),
}

describe('an address with a user and password', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await openReceiver()
  })
  afterEach(() => receiver.close())

  const to = (path: string, login: string) => `${receiver.url.replace('//', `//${login}@`)}${path}`
  const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`

  it('is told with them, and one without is told without', async () => {
    expect(await sendBeat(to('/beat', 'ada:h%40sh'))).toBeNull()
    expect(await sendPost(to('/alarms', 'ada'), [ALARM_SECRET], POST)).toBeNull()
    expect(await sendBeat(`${receiver.url}/beat`)).toBeNull()
    expect(receiver.logins).toEqual([basic('ada:h@sh'), basic('ada:'), ''])
    expect(receiver).toMatchObject({ beats: 2, posts: [{ id: 'alarm_7' }] })
  })

  it('is not in what is said of a failure', async () => {
    expect(await sendBeat(to('/beat', 'ada:100%hush'))).not.toContain('hush')
    receiver.status = 500
    expect(await sendBeat(to('/beat', 'ada:hush'))).toBe('it answered 500')
  })
})
