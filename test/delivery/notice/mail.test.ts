// A notice that was attempted is repeated in the version that it was made in, to the byte: the
// hashes of version 1 were taken when it was the only one.
import { describe, expect, it } from 'vitest'
import { buildNotice, hashMail } from '../../../src/delivery/notice/mail.ts'
import type { NoticeContent } from '../../../src/delivery/notice/notice.ts'
import { seal } from '../../../src/delivery/notice/seal.ts'
import { NOTICE_VERSION, NOTICE_VERSIONS } from '../../../src/digest/notice.ts'
import { loadTemplates } from '../../../src/digest/rendering.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { HOST } from '../../digest/golden/places.ts'

const linkKeys = deriveLinkKeys(['a secret that is long enough to be one'])
const publicId = '6f0d3a52-0000-4000-8000-000000000001'
const token = 'T0KEN'
const word = { subject: 'A word', title: 'A "word"', paragraphs: ['One & two.', 'Three.'] }
const templates = loadTemplates()

const EVERY: { content: NoticeContent; sha256: string }[] = [
  { content: { kind: 'confirm', token }, sha256: '6d9466161190780bfedef90397c318fd943b29aec2dc1e85908c7ab90a97ecfa' },
  {
    content: { kind: 'subscribed-already' },
    sha256: '341b24fb653d410dd4b000e52d1e903499990aa97df469c84577205a1a9946c9',
  },
  { content: { kind: 'link' }, sha256: '740018af1274876dd83710d5dec15f5495e62cef86e6160bb18d8820ef6994a8' },
  { content: { kind: 'address', token }, sha256: '13c7a6099f388a42b213fddec1e1a51615687240455961a45800fe1f73dacb8e' },
  {
    content: { kind: 'address-changed', token, newAddress: 'n•••@example.org' },
    sha256: '37ff55eb10f455c7ec4c2d95d6c72ee8972f7a9b0c6272746a11c1e48d8a42e8',
  },
  { content: { kind: 'export', token }, sha256: '5ae22db8b998e38a5f1011d2f8b48112b979dd1c6cce71ce325941f1ab3e5ae7' },
  { content: { kind: 'erase', token }, sha256: '1018917e339442fd245972ddc2fb4917d7695a974229bd43068e2f15c9a95ac8' },
  {
    content: { kind: 'note', ...word, why: 'You asked.' },
    sha256: '25deb2d0d9672e5d0d9fbebe592649049fb042e85619e983ff7fc8a40613e8fb',
  },
  { content: { kind: 'alarm', ...word }, sha256: 'caa1fb30e260f6a42a8a6dc98e0228c77b3d44c263e75db0759dced3e69c23fc' },
  {
    content: { kind: 'test', subject: 'A word', html: '<p>One</p>', text: 'One' },
    sha256: '9e6cc439cc31f439686e408ab8bc39d8e4d484bd4cfbf71aa0a91300fbfd4822',
  },
]

async function build(content: NoticeContent, version: number) {
  const reader = { publicId: '6f0d3a52-0000-4000-8000-000000000002', epoch: 3 }
  const row = {
    publicId,
    kind: content.kind,
    address: 'ada@example.org',
    sealed: seal(linkKeys, publicId, { content, reader }),
    keyId: linkKeys.currentKeyId,
    issuedAt: new Date('2026-03-05T07:00:00Z'),
  }
  const making = { host: HOST, templates: await templates, linkKeys, version, encoding: 'quoted-printable' as const }
  const mail = await buildNotice(row, making)
  if (!mail) throw new Error('nothing could be built')
  return mail
}

describe('buildNotice', () => {
  it.each(EVERY)('gives the bytes of version 1 as ever: $content.kind', async ({ content, sha256 }) => {
    expect(hashMail(await build(content, 1), 1).toString('hex')).toBe(sha256)
  })

  it('gives other bytes in each version, of the same links and headers', async () => {
    expect(NOTICE_VERSIONS).toEqual([1, NOTICE_VERSION])
    for (const { content } of EVERY.filter(({ content }) => content.kind !== 'test')) {
      const [before, now] = [await build(content, 1), await build(content, NOTICE_VERSION)]
      expect(now.html).not.toBe(before.html)
      expect(Object.keys(now.headers)).toEqual(Object.keys(before.headers))
      const linksOf = ({ text }: { text: string }) =>
        text
          .replaceAll('=\r\n', '')
          .match(/^https:.*/gm)
          ?.sort()
      expect(linksOf(now)).toEqual(linksOf(before))
    }
  })

  it('names the sender to Gmail by the same word whatever the domain', async () => {
    const { headers } = await build({ kind: 'confirm', token }, NOTICE_VERSION)
    expect(headers['Feedback-ID']).toBe('confirm:none:notice:paper-round')
  })
})
