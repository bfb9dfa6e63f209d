/** The proxy of these tests against a plain server: each fault has the described effect. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../server/free-port.ts'
import { type FaultyProxy, startProxy } from './support/proxy.ts'

const TEXT = 'x'.repeat(1_000)
const port = await freePort()
let seen: string[] = []
/** Streams that a test has to end. */
let streaming: Array<() => void> = []

const server = createServer((call, result) => {
  seen.push(`${call.method} ${call.url}`)
  const parts: Buffer[] = []
  call.on('data', (part: Buffer) => parts.push(part))
  call.on('end', () => {
    if (call.url === '/stream') {
      result.writeHead(200, { 'content-type': 'text/event-stream' })
      result.write('data: first\n\n')
      streaming.push(() => result.end('data: last\n\n'))
    } else {
      result.writeHead(200, { 'content-type': 'text/plain' })
      result.end(call.method === 'POST' ? Buffer.concat(parts) : TEXT)
    }
  })
})
/** Echoes the bytes after the handshake, which is enough to see whether bytes pass. */
server.on('upgrade', (call: IncomingMessage, socket: Socket, head: Buffer) => {
  seen.push(`upgrade ${call.url}`)
  const accept = createHash('sha1')
    .update(String(call.headers['sec-websocket-key']))
    .digest('base64')
  const lines = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: upgrade']
  socket.write(`${lines.join('\r\n')}\r\nsec-websocket-accept: ${accept}\r\n\r\n`)
  socket.write(head)
  socket.on('error', () => undefined)
  socket.pipe(socket)
})

let proxy: FaultyProxy

beforeAll(() => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve)))
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  seen = []
  streaming = []
  proxy = await startProxy(`http://127.0.0.1:${port}`)
})
afterEach(() => proxy.down())

const get = (path: string, init: RequestInit = {}) => fetch(proxy.url + path, init)
const post = (path: string, body = 'sent') => get(path, { method: 'POST', body })

/** Opens a connection with a handshake, and collects its bytes. */
async function openSocket(path = '/socket') {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  const received = { text: '', isClosed: false }
  socket.on('data', (chunk) => {
    received.text += chunk.toString()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    received.isClosed = true
  })
  const lines = [`GET ${path} HTTP/1.1`, 'host: proxy', 'upgrade: websocket', 'connection: upgrade']
  socket.write(`${lines.join('\r\n')}\r\nsec-websocket-key: abc\r\n\r\n`)
  return { socket, received }
}

describe('requests', () => {
  test('pass unchanged, and are counted by path', async () => {
    expect(await (await get('/text')).text()).toBe(TEXT)
    expect(await (await post('/echo', 'hello')).text()).toBe('hello')
    expect(proxy.exchanges(/^\/echo/)).toMatchObject([
      { method: 'POST', path: '/echo', status: 200, fault: 'pass', isWebSocket: false },
    ])
    expect(proxy.exchanges()).toHaveLength(2)
    await expect.poll(() => proxy.open()).toEqual([])
    proxy.forget()
    expect(proxy.exchanges()).toEqual([])
  })

  test('take effect although the response is lost', async () => {
    proxy.setFault({ kind: 'dropReply' })
    await expect(post('/echo')).rejects.toThrow('fetch failed')
    expect(seen).toEqual(['POST /echo'])
    await expect.poll(() => proxy.open()).toEqual([])
  })

  test('are answered in part', async () => {
    proxy.setFault({ kind: 'cutReply', afterBytes: 300 })
    const response = await get('/text')
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('terminated')
  })

  test('are refused before they reach the server', async () => {
    proxy.setFault({ kind: 'refuse' })
    await expect(post('/echo')).rejects.toThrow('fetch failed')
    expect(seen).toEqual([])
  })

  test('never get a response', async () => {
    proxy.setFault({ kind: 'swallow' })
    const giveUp = new AbortController()
    const result = get('/text', { signal: giveUp.signal })
    await expect.poll(() => proxy.open()).toHaveLength(1)
    giveUp.abort()
    await expect(result).rejects.toThrow('aborted')
    await expect.poll(() => proxy.open()).toEqual([])
    expect(seen).toEqual([])
  })

  test('are answered by the proxy itself, with and without CORS', async () => {
    const headers = { origin: 'http://page' }
    proxy.setFault({ kind: 'answer', status: 502, cors: false })
    const bare = await get('/text', { headers })
    expect([bare.status, bare.headers.get('access-control-allow-origin')]).toEqual([502, null])
    const refused = await get('/text', { method: 'OPTIONS', headers })
    expect(refused.status).toBe(502)

    proxy.setFault({ kind: 'captivePortal', cors: true })
    const portal = await get('/text', { headers })
    expect([portal.status, portal.headers.get('content-type')]).toEqual([200, 'text/html'])
    expect(portal.headers.get('access-control-allow-origin')).toBe('http://page')
    expect(await portal.text()).toContain('Accept the terms')
    expect((await get('/text', { method: 'OPTIONS', headers })).status).toBe(204)
    expect(seen).toEqual([])
  })

  test('of a stream get nothing until its end', async () => {
    proxy.setFault({ kind: 'buffer' })
    const response = await get('/stream')
    let text = ''
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array)
    })()
    await get('/text').then((one) => one.text())
    expect(text).toBe('')
    for (const end of streaming) end()
    await reading
    expect(text).toBe('data: first\n\ndata: last\n\n')
  })

  test('are delayed or slow, and arrive', async () => {
    proxy.setRules(
      { path: /text/, fault: { kind: 'slow', bytesPerSecond: 20_000 } },
      { path: /echo/, fault: { kind: 'delay', ms: 30 } },
    )
    expect(await (await get('/text')).text()).toBe(TEXT)
    expect(await (await post('/echo')).text()).toBe('sent')
  })
})

describe('rules', () => {
  test('hold for a path, a method and a number of times', async () => {
    proxy.setRules({ path: /^\/echo/, method: 'POST', times: 1, fault: { kind: 'refuse' } })
    expect((await get('/text')).status).toBe(200)
    expect((await get('/echo')).status).toBe(200)
    await expect(post('/echo')).rejects.toThrow('fetch failed')
    expect((await post('/echo')).status).toBe(200)
    proxy.setRules()
    expect((await post('/echo')).status).toBe(200)
  })

  test('let preflights pass, and do not count them', async () => {
    proxy.setRules({ path: /^/, times: 1, fault: { kind: 'dropReply' } })
    expect((await get('/echo', { method: 'OPTIONS' })).status).toBe(200)
    await expect(post('/echo')).rejects.toThrow('fetch failed')
    expect(proxy.exchanges()).toHaveLength(1)
  })
})

describe('connections', () => {
  test('are refused while it is down, and accepted again', async () => {
    await proxy.down()
    await expect(get('/text')).rejects.toThrow('fetch failed')
    await proxy.up()
    expect((await get('/text')).status).toBe(200)
  })

  test('are cut', async () => {
    const response = await get('/stream')
    expect(proxy.open(/stream/)).toHaveLength(1)
    proxy.cut(/stream/)
    await expect(response.text()).rejects.toThrow('terminated')
  })
})

describe('WebSockets', () => {
  test('pass in both directions, and are counted while they are open', async () => {
    const { socket, received } = await openSocket()
    socket.write('ping')
    await expect.poll(() => received.text).toMatch(/^HTTP\/1.1 101 .*ping$/s)
    expect(proxy.open()).toMatchObject([{ path: '/socket', isWebSocket: true, status: 101 }])
    socket.destroy()
    await expect.poll(() => proxy.open()).toEqual([])
  })

  test('are open and silent', async () => {
    proxy.setFault({ kind: 'buffer' })
    const { socket, received } = await openSocket()
    await expect.poll(() => received.text).toMatch(/101/)
    socket.write('ping')
    await get('/text').then((one) => one.body?.cancel())
    expect(received.text).not.toContain('ping')
    expect(seen).toContain('upgrade /socket')
    socket.destroy()
  })

  test('fall silent and stay open', async () => {
    const { socket, received } = await openSocket()
    socket.write('ping')
    await expect.poll(() => received.text).toMatch(/ping$/)
    proxy.mute()
    socket.write('pong')
    await get('/text').then((one) => one.body?.cancel())
    expect(received.text).not.toContain('pong')
    expect(proxy.open(/socket/)).toHaveLength(1)
    socket.destroy()
  })

  test('are never answered', async () => {
    proxy.setFault({ kind: 'swallow' })
    const { socket, received } = await openSocket()
    await expect.poll(() => proxy.open()).toHaveLength(1)
    expect([received.text, seen]).toEqual(['', []])
    socket.destroy()
    await expect.poll(() => proxy.open()).toEqual([])
  })

  test.each([
    ['refused', { kind: 'refuse' }, ''],
    ['answered with an error', { kind: 'answer', status: 502, cors: false }, '502'],
    ['answered by a portal', { kind: 'captivePortal', cors: false }, '200'],
    ['opened without a response', { kind: 'dropReply' }, ''],
  ] as const)('are %s', async (_, fault, status) => {
    proxy.setFault(fault)
    const { received } = await openSocket()
    await expect.poll(() => received.isClosed).toBe(true)
    expect(received.text.split(' ')[1] ?? '').toBe(status)
  })

  test('are cut after some bytes, or slow', async () => {
    proxy.setFault({ kind: 'cutReply', afterBytes: 3 })
    const cut = await openSocket()
    cut.socket.write('123456')
    await expect.poll(() => cut.received.isClosed).toBe(true)
    expect(cut.received.text).toMatch(/\r\n\r\n123$/)

    proxy.setFault({ kind: 'slow', bytesPerSecond: 1_000 })
    const slow = await openSocket()
    slow.socket.write('123456')
    await expect.poll(() => slow.received.text).toMatch(/123456$/)
    slow.socket.destroy()
  })

  test('get the response of a server that does not support them', async () => {
    const plain = createServer((_, result) => result.writeHead(404).end('no'))
    const plainPort = await freePort()
    await new Promise<void>((resolve) => plain.listen(plainPort, '127.0.0.1', resolve))
    await proxy.down()
    proxy = await startProxy(`http://127.0.0.1:${plainPort}`)
    const answered = new Promise<number>((resolve, reject) => {
      const headers = { upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-key': 'abc' }
      request(`${proxy.url}/socket`, { headers })
        .on('response', (response) => resolve(response.statusCode ?? 0))
        .on('error', reject)
        .end()
    })
    expect(await answered).toBe(404)
    plain.closeAllConnections()
    plain.close()
  })
})
