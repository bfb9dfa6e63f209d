/** `edgelog bridge`, and the bridge within `edgelog dev`, as processes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../server/free-port.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import { edgelog, ended, start, watch } from './edgelog-command.ts'

/** ApiVersions, version 0, correlation id 7, no client id. */
const API_VERSIONS = Buffer.from('0000000a 0012 0000 00000007 ffff'.replaceAll(' ', ''), 'hex')

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-bridge-'))
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** Returns the response: size, correlation id, error, APIs. */
function ask(port: number, host = '127.0.0.1'): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(API_VERSIONS))
    let received = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
      if (received.length < 4 || received.length < 4 + received.readInt32BE()) return
      resolve(received)
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed without a response')))
  })
}

test('carries frames to the given server, and stops at Ctrl-C', async () => {
  const port = await freePort()
  const child = start(sharedServerUrl(), ['bridge', '--listen', String(port)])
  const end = ended(child)
  await watch(child).printed('Ctrl-C stops it.')
  const response = await ask(port)
  expect(response.readInt32BE(4)).toBe(7)
  expect(response.readInt16BE(8)).toBe(0)
  child.kill('SIGINT')
  const { code, stdout } = await end
  expect(code).toBe(0)
  expect(stdout).toContain(
    `edgelog accepts Kafka clients on localhost:${port}, for ${sharedServerUrl()}`,
  )
})

test('closes the connections of clients while there is no server, and prints the reason', async () => {
  const [port, nobody] = [await freePort(), await freePort()]
  const child = start(`http://127.0.0.1:${nobody}`, ['bridge', '--listen', String(port)])
  const end = ended(child)
  await watch(child).printed('Ctrl-C stops it.')
  await expect(ask(port)).rejects.toThrow('closed without a response')
  child.kill('SIGINT')
  expect((await end).stderr).toContain('closed the connection of a Kafka client')
})

describe('wrong usage', () => {
  test.each([
    [['bridge', '--listen', 'x'], 2, 'Use host:port'],
    [['bridge', '--listen', '70000'], 2, 'at most 65535'],
    [['bridge', '--tls-cert', 'cert.pem'], 1, '--tls-cert and --tls-key must be given together'],
    [['bridge', '--listen', '0.0.0.0:0'], 2, 'whole number of at least 1'],
    [['bridge', '--listen', '0.0.0.0:9092'], 1, 'set its EDGELOG_TOKEN'],
  ])('%j', async (args, code, mentions) => {
    const result = await edgelog(sharedServerUrl(), args)
    expect(result.stderr).toContain(mentions)
    expect(result.code).toBe(code)
  })

  test('reports a port in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => holder.once('listening', resolve))
    const { port } = holder.address() as { port: number }
    const taken = `port ${port} on 127.0.0.1 is in use`
    const bridge = await edgelog(sharedServerUrl(), ['bridge', '--listen', String(port)])
    expect([bridge.code, bridge.stderr]).toEqual([1, expect.stringContaining(taken)])
    const args = ['--port', String(await freePort()), '--state', join(dir, 'taken')]
    const dev = await edgelog(sharedServerUrl(), ['dev', '--kafka-port', String(port), ...args])
    expect([dev.code, dev.stderr]).toEqual([1, expect.stringContaining(taken)])
    expect(dev.stderr).toContain('--kafka-port, or --no-kafka')
    holder.close()
  })
})
