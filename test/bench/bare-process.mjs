// What a page costs at least: hono and nothing else, with the body that it is told.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

process.once('message', ({ body }) => {
  const app = new Hono()
  app.get('/', (c) => c.html(body))
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
    process.send({ url: `http://127.0.0.1:${port}` }),
  )
})
