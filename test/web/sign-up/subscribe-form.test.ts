import { describe, expect, it } from 'vitest'
import { isZone } from '../../../src/subscriber/preferences.ts'
import { openPages } from '../../../src/web/page/pages.ts'
import { frontPage } from '../../../src/web/sign-up/front.ts'
import { type SubscribeEntry, subscribeForm } from '../../../src/web/sign-up/subscribe-form.ts'

const pages = openPages({ publicUrl: 'https://papers.example' })
const ENTRY: SubscribeEntry = {
  address: 'ada@',
  cadence: 'weekly',
  weekday: '5',
  hour: '18',
  zone: 'Asia/Kolkata',
  welcome: true,
}

/** Returns the form as the front page prints it. */
function print(...given: Parameters<typeof subscribeForm>): string {
  const edition = { heading: '', summary: '', standing: '', note: '', papers: [], late: [], datePath: '' }
  return pages.render(
    frontPage,
    { title: '' },
    { ...edition, earlierPath: '', earlierLabel: '', cutoff: '00:30', outbox: false, form: subscribeForm(...given) },
  )
}

const chosen = (html: string, name: string) =>
  new RegExp(`<select id="${name}"[^]*?<option value="([^"]*)" selected>`).exec(html)?.[1]
const cadence = (html: string) => /value="([^"]*)" checked/.exec(html)?.[1]

describe('subscribeForm', () => {
  it('begins with the defaults and lets the browser guess the zone', () => {
    const html = print('stamp')
    expect([cadence(html), chosen(html, 'weekday'), chosen(html, 'hour'), chosen(html, 'zone')]).toEqual([
      'daily',
      '1',
      '7',
      'UTC',
    ])
    expect(html).toContain(' data-guess')
    expect(html).toContain('name="opened" value="stamp"')
    expect(html).toMatch(/name="website"[^>]* tabindex="-1" autocomplete="off"/)
    expect(html).not.toContain('aria-invalid')
  })

  it('offers zones that can be subscribed with, each once', () => {
    const zones = subscribeForm('').zones.flatMap((group) => group.zones.map(({ value }) => value))
    expect(zones[0]).toBe('UTC')
    expect(new Set(zones).size).toBe(zones.length)
    expect(zones.length).toBeGreaterThan(300)
    expect(zones.filter((zone) => !isZone(zone))).toEqual([])
  })

  it('keeps an entry and says what is wrong with it', () => {
    const html = print('', ENTRY, { address: 'There is no host.', zone: 'Unknown.', note: 'Try again.' })
    expect(cadence(html)).toBe('weekly')
    expect([chosen(html, 'weekday'), chosen(html, 'hour'), chosen(html, 'zone')]).toEqual(['5', '18', 'Asia/Kolkata'])
    expect(html).toContain('value="ada@" aria-invalid="true" aria-describedby="address-problem"')
    expect(html).toContain('id="address-problem">There is no host.')
    expect(html).toContain('id="zone-problem">Unknown.')
    expect(html).toContain('role="alert">Try again.')
    expect(html).not.toContain('data-guess')
  })

  it('prints whatever was typed as text', () => {
    const evil = '"><script>{{base}}'
    const html = print(
      evil,
      { address: evil, cadence: evil, weekday: evil, hour: evil, zone: evil, welcome: false },
      { note: evil },
    )
    expect(html).not.toMatch(/"><script>\{\{/)
    expect(cadence(html)).toBeUndefined()
    expect(chosen(html, 'zone')).toBe('&quot;&gt;&lt;script&gt;{{base}}')
  })
})
