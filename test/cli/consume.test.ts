/** The end of `edgelog consume`: its report of unread records, and its cleanup. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { edgelog, ended, start, watch } from './edgelog-command.ts'

const RECORDS = 3_000
const RECORD_BYTES = 1_000
/** Less than the size of the records, and more than everything else on a connection. */
const STALL_BYTES = 1_000_000

const closers: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function topicOf(url: string, records: number, sizeBytes = 1): Promise<string> {
  const topic = uniqueName('ends')
  const log = connect({ url })
  await log.admin.createTopic(topic)
  const producer = log.createProducer()
  await producer.sendBatch(
    topic,
    Array.from({ length: records }, (_, index) => ({ value: `${index}`.padEnd(sizeBytes, '.') })),
  )
  await log.close()
  return topic
}

/** Starts a proxy whose connections stall after a number of bytes from the server. */
async function stallingNetwork(serverUrl: string, afterBytes: number): Promise<string> {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    const upstream = connectTo(Number(port), hostname)
    let received = 0
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => undefined)
    }
    socket.pipe(upstream)
    socket.on('close', () => upstream.destroy())
    upstream.on('data', (bytes) => {
      received += bytes.length
      if (received > afterBytes) upstream.pause()
      else socket.write(bytes)
    })
    upstream.on('end', () => socket.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

describe('edgelog consume --timeout-ms', () => {
  const ALL = ['--from-beginning', '--timeout-ms', '1500']

  test('fails if the network stalls before the end', async () => {
    const url = sharedServerUrl()
    const topic = await topicOf(url, RECORDS, RECORD_BYTES)
    const { code, stderr } = await edgelog(await stallingNetwork(url, STALL_BYTES), [
      'consume',
      topic,
      ...ALL,
    ])
    expect(stderr).toMatch(/some records were not read: partition 0 to \S+ of 3000\n/)
    expect(code).toBe(1)
  })

  test('fails if the server is gone before the end', async () => {
    const server = await ServerProcess.start()
    closers.push(() => server.stop())
    const topic = await topicOf(server.url, RECORDS, RECORD_BYTES)
    const consuming = start(await stallingNetwork(server.url, STALL_BYTES), [
      'consume',
      topic,
      ...ALL,
    ])
    const end = ended(consuming)
    await watch(consuming).printed('0....')
    await server.kill()
    const { code, stderr } = await end
    expect(stderr).toContain('it is unknown whether all records were read')
    expect(code).toBe(1)
  })

  test('succeeds if all was read, and in an empty topic', async () => {
    const url = sharedServerUrl()
    const topic = await topicOf(url, 3)
    const all = await edgelog(url, ['consume', topic, ...ALL])
    expect(all).toEqual({ code: 0, stdout: '0\n1\n2\n', stderr: '' })
    const none = await edgelog(url, ['consume', await topicOf(url, 0), ...ALL])
    expect(none).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('edgelog consume --offset', () => {
  test('starts at the end if the offset is beyond it, and reports that', async () => {
    const url = sharedServerUrl()
    const topic = await topicOf(url, 3)
    const args = ['consume', topic, '--partition', '0', '--offset', '99']
    const consuming = start(url, [...args, '--max-messages', '1'])
    const end = ended(consuming)
    await new Promise<void>((resolve) => consuming.stderr?.once('data', () => resolve()))
    const log = connect({ url })
    await log.send(topic, { value: 'new' })
    await log.close()
    const { code, stdout, stderr } = await end
    expect(stderr).toBe('edgelog: partition 0 ends at offset 3, before 99\n')
    expect([code, stdout]).toEqual([0, 'new\n'])
  })
})

describe('edgelog consume --group', () => {
  async function memberCount(group: string): Promise<number> {
    const log = connect({ url: sharedServerUrl() })
    const { memberCount: count } = await log.group(group).describe()
    await log.close()
    return count
  }

  async function startMember(): Promise<{ topic: string; group: string; member: ChildProcess }> {
    const url = sharedServerUrl()
    const topic = await topicOf(url, 1)
    const group = uniqueName('ends')
    const member = start(url, ['consume', topic, '--group', group, '--from-beginning'])
    await watch(member).printed('0\n')
    expect(await memberCount(group)).toBe(1)
    return { topic, group, member }
  }

  test('leaves the group when the terminal is closed', async () => {
    const { group, member } = await startMember()
    const end = ended(member)
    member.kill('SIGHUP')
    expect((await end).code).toBe(0)
    expect(await memberCount(group)).toBe(0)
  })

  test('leaves the group when its output is closed, and commits only printed records', async () => {
    const { topic, group, member } = await startMember()
    const end = ended(member)
    member.stdout?.destroy()
    const log = connect({ url: sharedServerUrl() })
    await log.send(topic, { value: 'not printed' })
    const { code, stderr } = await end
    expect([code, stderr]).toEqual([0, ''])
    expect(await memberCount(group)).toBe(0)
    const [offset] = await log.group(group).offsets()
    await log.close()
    expect(offset?.offset).toBe(1)
  })
})

describe('full standard output', () => {
  const url = () => sharedServerUrl()

  async function outcomeOf(args: readonly string[]) {
    const full = openSync('/dev/full', 'w')
    try {
      const child = spawn(process.execPath, ['bin/edgelog.js', ...args], {
        env: { ...process.env, EDGELOG_URL: url() },
        stdio: ['ignore', full, 'pipe'],
      })
      return await ended(child)
    } finally {
      closeSync(full)
    }
  }

  test.each([
    ['consume', async () => ['consume', await topicOf(url(), 1), '--from-beginning']],
    ['topics list', async () => ['topics', 'list']],
  ])('causes one line of error and exit code 1 in %s', async (_, args) => {
    const { code, stderr } = await outcomeOf(await args())
    expect(stderr).toMatch(/^edgelog: cannot write to standard output: .*ENOSPC.*\n$/)
    expect(code).toBe(1)
  })
})
