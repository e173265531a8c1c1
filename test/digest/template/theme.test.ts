import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { applyTheme, readTheme } from '../../../src/digest/template/theme.ts'
import { PermanentError } from '../../../src/errors.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'theme-'))
})
afterEach(() => rm(directory, { recursive: true }))

const read = async (theme: unknown) => {
  await writeFile(join(directory, 'theme.json'), JSON.stringify(theme))
  return readTheme(directory)
}
const logo = { url: 'https://img.example.org/l.png', alt: 'Group', width: 120, height: 40 }

describe('readTheme', () => {
  it('changes only what the host’s file says', async () => {
    const own = readTheme()
    expect(readTheme(directory)).toEqual(own)
    expect(await read({ name: 'Group', logo, dark: { accent: '#ffffff' } })).toEqual({
      ...own,
      name: 'Group',
      logo,
      dark: { ...own.dark, accent: '#ffffff' },
    })
  })

  it.each([
    [{ colour: 'red' }, /^theme\.json: the file has no use for "colour"$/],
    [{ light: { page: 'beige' } }, /^theme\.json: light\.page is not a colour like #1b1916$/],
    [{ fonts: { text: 'Arial";}' } }, /^theme\.json: fonts\.text is not a list of fonts/],
    [{ logo: { ...logo, url: 'http://img.example.org/l.png' } }, /^theme\.json: logo\.url is not an https link$/],
    [{ logo: { ...logo, url: 'javascript:alert(1)' } }, /^theme\.json: logo\.url is not an https link$/],
    [{ logo: { ...logo, alt: ' ' } }, /^theme\.json: logo\.alt is empty/],
    [
      { logo: { url: logo.url, alt: 'Group' } },
      /^theme\.json: logo\.width is missing\ntheme\.json: logo\.height is missing$/,
    ],
    [{ logo: { ...logo, width: 2000 } }, /^theme\.json: logo\.width is more than 280$/],
    [{ name: '' }, /^theme\.json: name is empty$/],
    [{ name: 3, logo: 'x' }, /^theme\.json: name is not a text in quotes\ntheme\.json: logo is not names with/],
    [[], /^theme\.json: the file is not names with their values in \{ \}$/],
    [null, /^theme\.json: /],
  ])('refuses %j and names the value', async (theme, message) => {
    await expect(read(theme)).rejects.toBeInstanceOf(PermanentError)
    await expect(read(theme)).rejects.toThrow(message)
  })
})

it('reads a theme behind a byte order mark, and refuses one that is not UTF-8', async () => {
  const file = join(directory, 'theme.json')
  await writeFile(file, '\ufeff{"name":"Group"}')
  expect(readTheme(directory).name).toBe('Group')
  await writeFile(file, Buffer.from('{"name":"Zürich"}', 'latin1'))
  expect(() => readTheme(directory)).toThrow('the template theme.json is not UTF-8: save it as UTF-8')
})

describe('applyTheme', () => {
  it('puts in values and names the line of an unknown one', () => {
    const theme = readTheme()
    expect(applyTheme('a [[light.page]] b [[dark.ink]]', theme, 'x.css')).toBe(
      `a ${theme.light.page} b ${theme.dark.ink}`,
    )
    expect(() => applyTheme('a\n[[light.none]]', theme, 'x.css')).toThrow(
      'x.css line 2: the theme has no [[light.none]]',
    )
  })
})
