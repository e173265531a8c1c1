import { expect, it } from 'vitest'
import { type Host, openTemplates } from '../../src/digest/rendering.ts'
import { type Report, renderReport } from '../../src/digest/report.ts'

const HOST: Host = {
  publicUrl: 'https://papers.example',
  mailFrom: 'Daily Papers <papers@papers.example>',
  postalAddress: null,
  unsubscribeMailto: null,
}
const REPORT: Report = {
  subject: 'Morning report: 12 sent, 1 alarm open',
  title: '12 sent, 1 alarm open',
  preheader: 'resend is out',
  day: 'Fri 6 Mar, 08:00 UTC',
  sections: [
    { heading: 'Needs you', rows: [], sentences: ['resend & co. take no emails if 1 < 2'] },
    { heading: 'Sent', rows: [{ label: 'Thu 5 Mar', figure: '12 of 13' }], sentences: [] },
  ],
}

it('renders figures and sentences, escaped, in both parts', async () => {
  const { theme, ...template } = await openTemplates().reportTemplate()
  const { html, text } = renderReport(REPORT, HOST, theme, template)
  expect(html).toContain('resend &amp; co. take no emails if 1 &lt; 2')
  expect(html).toMatch(/>Thu 5 Mar<\/td>\s*<td[^>]*>12 of 13</)
  expect(text).toContain('\n\nNeeds you\nresend & co. take no emails if 1 < 2\n\nSent\n- Thu 5 Mar: 12 of 13\n')
  expect(text).toContain('because OPERATOR_EMAIL at')
})
