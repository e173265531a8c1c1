import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { publicAnswer } from '../../../src/web/page/caching.ts'

describe('publicAnswer', () => {
  const answers = (bodies: { body: string; passing?: string }[]) => {
    const left = [...bodies]
    const app = new Hono()
    app.get('/', (c) => publicAnswer(c, { type: 'text/plain', ...(left.shift() as { body: string }) }))
    return app
  }

  it('tells what is the same from what is not, whatever passes', async () => {
    const app = answers([
      { body: 'news, at 1', passing: 'at 1' },
      { body: 'news, at 2', passing: 'at 2' },
      { body: 'other news, at 2', passing: 'at 2' },
    ])
    const first = await app.request('/')
    expect(await first.text()).toBe('news, at 1')
    const headers = { 'If-None-Match': first.headers.get('ETag') as string }
    const second = await app.request('/', { headers })
    expect([second.status, await second.text()]).toEqual([304, ''])
    expect(second.headers.get('Cache-Control')).toBe('public, max-age=60')
    expect((await app.request('/', { headers })).status).toBe(200)
  })

  it('answers HEAD like GET, without the body', async () => {
    const app = answers([{ body: 'x' }, { body: 'x' }])
    const [get, head] = [await app.request('/'), await app.request('/', { method: 'HEAD' })]
    expect(head.headers.get('ETag')).toBe(get.headers.get('ETag'))
    expect(await head.text()).toBe('')
  })
})
