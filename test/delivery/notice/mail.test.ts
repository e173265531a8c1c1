// A notice that was attempted is repeated in the version that it was made in, to the byte: the
// hashes of each version were taken while it was the newest one.
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

const EVERY: { content: NoticeContent; sha256: [of1: string, of2: string] }[] = [
  {
    content: { kind: 'confirm', token },
    sha256: [
      '6d9466161190780bfedef90397c318fd943b29aec2dc1e85908c7ab90a97ecfa',
      '77d3477c287cd8f0a086945a61035607b59eca5466ba340b0ed61cb1ff178735',
    ],
  },
  {
    content: { kind: 'subscribed-already' },
    sha256: [
      '341b24fb653d410dd4b000e52d1e903499990aa97df469c84577205a1a9946c9',
      '4fd9a429d51531ca7964ae967089178815e6dcfcd19b902ba9a557180e7f5917',
    ],
  },
  {
    content: { kind: 'link' },
    sha256: [
      '740018af1274876dd83710d5dec15f5495e62cef86e6160bb18d8820ef6994a8',
      '20c2d5115a6257595bd2a834d4b9c66639ad37f0203b02298c802e187233ddd6',
    ],
  },
  {
    content: { kind: 'address', token },
    sha256: [
      '13c7a6099f388a42b213fddec1e1a51615687240455961a45800fe1f73dacb8e',
      '4d19bb27ebb50da78188d88e9fde30ca3b22870103d9e4194b5254dba510a7de',
    ],
  },
  {
    content: { kind: 'address-changed', token, newAddress: 'n•••@example.org' },
    sha256: [
      '37ff55eb10f455c7ec4c2d95d6c72ee8972f7a9b0c6272746a11c1e48d8a42e8',
      '32062d84ca76378bd033a906a8d4a5acaeb558d33a8b857bdabeaa17eeb60660',
    ],
  },
  {
    content: { kind: 'export', token },
    sha256: [
      '5ae22db8b998e38a5f1011d2f8b48112b979dd1c6cce71ce325941f1ab3e5ae7',
      '67cecde4200e13b57d4c3228e21eb9bd805a8e629ae9fbe16782b40367c24985',
    ],
  },
  {
    content: { kind: 'erase', token },
    sha256: [
      '1018917e339442fd245972ddc2fb4917d7695a974229bd43068e2f15c9a95ac8',
      'b9c778a445d20b6e4e88f1482204a87f446be4e4272972944d79b902e773b6ce',
    ],
  },
  {
    content: { kind: 'note', ...word, why: 'You asked.' },
    sha256: [
      '25deb2d0d9672e5d0d9fbebe592649049fb042e85619e983ff7fc8a40613e8fb',
      '03e73c6b3e3f6ae61c80a86a62370a2ffcd3b156f3815fff4e3a9977a53a2811',
    ],
  },
  {
    content: { kind: 'alarm', ...word },
    sha256: [
      'caa1fb30e260f6a42a8a6dc98e0228c77b3d44c263e75db0759dced3e69c23fc',
      '7c78a46e004385962c675d8b4f2ace3729d836725565bfcb0da98b7cce5bbdae',
    ],
  },
  {
    content: { kind: 'test', subject: 'A word', html: '<p>One</p>', text: 'One' },
    sha256: [
      '9e6cc439cc31f439686e408ab8bc39d8e4d484bd4cfbf71aa0a91300fbfd4822',
      'c8706c764cf73f9e9575bc93ec8aab48cf77dc3a7cc640ea3cb69526795eb9e9',
    ],
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
  it.each(EVERY)('gives the bytes of earlier versions as ever: $content.kind', async ({ content, sha256 }) => {
    for (const [index, hash] of sha256.entries()) {
      const version = index + 1
      expect(hashMail(await build(content, version), version).toString('hex'), `version ${version}`).toBe(hash)
    }
  })

  it('gives other bytes in each version, of the same links and headers', async () => {
    expect(NOTICE_VERSIONS).toEqual([1, 2, 3])
    expect(NOTICE_VERSION).toBe(3)
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

  it.each(EVERY)('says nothing of a button in a text, which has none: $content.kind', async ({ content }) => {
    const { text } = await build(content, NOTICE_VERSION)
    expect(text.replaceAll('=\r\n', '')).not.toMatch(/the button/i)
  })

  it('names the sender to Gmail by the same word whatever the domain', async () => {
    const { headers } = await build({ kind: 'confirm', token }, NOTICE_VERSION)
    expect(headers['Feedback-ID']).toBe('confirm:none:notice:paper-round')
  })
})
