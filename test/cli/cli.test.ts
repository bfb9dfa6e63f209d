/** The command line as users run it: processes, pipes, exit codes. */
import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../server/free-port.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import { until } from '../support/until.ts'
import * as command from './edgelog-command.ts'
import { ended, watch } from './edgelog-command.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-cli-'))
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

const start = (args: readonly string[], env?: NodeJS.ProcessEnv) =>
  command.start(sharedServerUrl(), args, env)
const edgelog = (args: readonly string[], input?: string) =>
  command.edgelog(sharedServerUrl(), args, input)

describe('edgelog topics', () => {
  test('creates, lists, describes, alters and deletes', async () => {
    const created = await edgelog([
      'topics',
      'create',
      'life',
      '--partitions',
      '2',
      '--config',
      'retention.ms=60000',
    ])
    expect(created).toMatchObject({ code: 0, stdout: 'created topic life with 2 partitions\n' })
    expect((await edgelog(['topics', 'list'])).stdout).toMatch(
      /^TOPIC +PARTITIONS\n(.*\n)*life +2\n/,
    )
    const described = JSON.parse((await edgelog(['topics', 'describe', 'life', '--json'])).stdout)
    expect(described).toMatchObject({ name: 'life', config: { 'retention.ms': 60_000 } })
    const altered = await edgelog([
      'topics',
      'alter',
      'life',
      '--partitions',
      '3',
      '--delete-config',
      'retention.ms',
    ])
    expect(altered).toMatchObject({ code: 0, stdout: 'altered topic life, now 3 partitions\n' })
    expect((await edgelog(['topics', 'describe', 'life'])).stdout).toMatch(
      /retention\.ms +604800000/,
    )
    expect((await edgelog(['topics', 'delete', 'life'])).code).toBe(0)
    const gone = await edgelog(['topics', 'describe', 'life'])
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain('unknown_topic_or_partition')
  })

  test('fails for an existing topic, unless --if-not-exists is given', async () => {
    await edgelog(['topics', 'create', 'twice'])
    expect((await edgelog(['topics', 'create', 'twice'])).code).toBe(1)
    expect((await edgelog(['topics', 'create', 'twice', '--if-not-exists'])).code).toBe(0)
  })
})

/** Returns whether a process has a handler of SIGINT, by its mask of caught signals. */
async function handlesInterrupt(pid: number | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, caught = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status) ?? []
  return (BigInt(`0x${caught}`) & 2n) !== 0n
}

describe('edgelog produce and consume', () => {
  test('carry lines through a pipe, with keys', async () => {
    await edgelog(['topics', 'create', 'pipe', '--partitions', '3'])
    const produced = await edgelog(['produce', 'pipe', '--key-separator', ':'], 'a:1\r\nb:2\na:3:x')
    expect(produced.code).toBe(0)
    expect(produced.stderr).toMatch(/^produced 3 records, 14 B, in .* s \(.* records\/s\)\n$/)
    const args = ['consume', 'pipe', '--from-beginning', '--max-messages', '3']
    const { code, stdout } = await edgelog([...args, '--key-separator', '='])
    expect(code).toBe(0)
    const lines = stdout.trim().split('\n')
    expect([...lines].sort()).toEqual(['a=1', 'a=3:x', 'b=2'])
    expect(lines.indexOf('a=1')).toBeLessThan(lines.indexOf('a=3:x'))
  })

  test('follow live, and stop cleanly at Ctrl-C', async () => {
    await edgelog(['topics', 'create', 'live'])
    const consumer = start(['consume', 'live', '--from-beginning'])
    const end = ended(consumer)
    const { printed } = watch(consumer)
    await edgelog(['produce', 'live'], 'one\n')
    await printed('one\n')
    await edgelog(['produce', 'live'], 'two\n')
    await printed('two\n')
    consumer.kill('SIGINT')
    expect(await end).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' })
  })

  test('stop after silence, start at an offset, and print JSON', async () => {
    await edgelog(['topics', 'create', 'some'])
    await edgelog(['produce', 'some'], 'a\nb\nc\n')
    const args = ['consume', 'some', '--partition', '0', '--offset', '1', '--timeout-ms', '3000']
    const { code, stdout } = await edgelog([...args, '--format', 'json'])
    expect(code).toBe(0)
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records.map(({ offset, value }) => [offset, value])).toEqual([
      [1, 'b'],
      [2, 'c'],
    ])
  })

  test('do not count a slow reader of their output as silence', async () => {
    await edgelog(['topics', 'create', 'slow'])
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i}`.padEnd(100))
    await edgelog(['produce', 'slow'], lines.join('\n'))
    const consumer = start(['consume', 'slow', '--from-beginning', '--timeout-ms', '700'])
    let stdout = ''
    const end = new Promise((resolve) => consumer.on('close', resolve))
    consumer.stdout?.once('data', (bytes) => {
      stdout += bytes
      consumer.stdout?.pause()
      setTimeout(() => {
        consumer.stdout?.on('data', (more) => {
          stdout += more
        })
        consumer.stdout?.resume()
      }, 1_500)
    })
    expect(await end).toBe(0)
    expect(stdout).toBe(`${lines.join('\n')}\n`)
  })

  test('count the records sent before an invalid line', async () => {
    await edgelog(['topics', 'create', 'half'])
    const { code, stderr } = await edgelog(['produce', 'half', '--key-separator', ':'], 'a:1\nb')
    expect(code).toBe(1)
    expect(stderr).toContain('produced 1 record, 4 B')
    expect(stderr).toContain('line 2 has no key separator')
  })

  test('do not overwrite input that is typed on a terminal', async () => {
    await edgelog(['topics', 'create', 'typed'])
    const command = `${process.execPath} bin/edgelog.js produce typed`
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, EDGELOG_URL: sharedServerUrl() },
      stdio: 'pipe',
    })
    const end = ended(child)
    await watch(child).printed('> ')
    await new Promise((resolve) => setTimeout(resolve, 700))
    child.stdin?.write('hello\n')
    await watch(child).printed('hello')
    await new Promise((resolve) => setTimeout(resolve, 300))
    child.stdin?.write('\u0004')
    const { code, stdout } = await end
    expect(code).toBe(0)
    expect(stdout.slice(0, stdout.indexOf('produced'))).not.toContain('0 records')
    expect(stdout).toContain('produced 1 record, 6 B')
  })

  test('send the lines read so far at Ctrl-C', async () => {
    await edgelog(['topics', 'create', 'cut'])
    const producer = start(['produce', 'cut'])
    const end = ended(producer)
    producer.stdin?.write('a\nb\nhalf of a li')
    await until('the process handles Ctrl-C', () => handlesInterrupt(producer.pid))
    await new Promise((resolve) => setTimeout(resolve, 800))
    producer.kill('SIGINT')
    const { code, stderr } = await end
    expect(code).toBe(130)
    expect(stderr).toContain('produced 2 records')
    const read = await edgelog(['consume', 'cut', '--from-beginning', '--timeout-ms', '3000'])
    expect(read.stdout).toBe('a\nb\n')
  })

  test('keep the order of a large file, and deliver all of it', async () => {
    await edgelog(['topics', 'create', 'large'])
    const lines = Array.from({ length: 50_000 }, (_, i) => `${i} ${'x'.repeat(i % 200)}`)
    const file = join(dir, 'large.txt')
    await writeFile(file, `${lines.join('\n')}\n`)
    expect(
      (await edgelog(['produce', 'large', '--compression', 'lz4'], lines.join('\n'))).code,
    ).toBe(0)
    const args = ['consume', 'large', '--from-beginning', '--max-messages', '50000']
    expect((await edgelog(args)).stdout).toBe(`${lines.join('\n')}\n`)
  })

  test('report errors at once', async () => {
    await edgelog(['topics', 'create', 'wrong'])
    const cases: Array<[string[], number, string]> = [
      [['produce', 'nowhere'], 1, 'unknown_topic_or_partition'],
      [['consume', 'nowhere'], 1, 'unknown_topic_or_partition'],
      [['consume', 'wrong', '--partition', '4'], 1, 'has no partition 4; 0 to 0 is allowed'],
      [['consume', 'wrong', '--offset', '4'], 2, '--offset needs --partition'],
      [['consume', 'wrong', '--max-messages', 'x'], 2, 'whole number'],
      [['produce'], 2, 'topic'],
      [['produce', 'wrong', '--key-separator', ':'], 1, 'line 1 has no key separator'],
      [['dance'], 2, 'dance'],
      [['topics', 'create', 'a b'], 1, 'invalid_topic'],
      [['topics', 'create', 'x', '--config', 'nope=1'], 1, 'invalid_config'],
      [['--url', 'http://127.0.0.1:9', 'topics', 'list'], 1, 'Is it running?'],
      [['dev', '--host', '0.0.0.0'], 1, 'EDGELOG_TOKEN'],
    ]
    for (const [args, code, mentions] of cases) {
      const result = await edgelog(args, 'no separator\n')
      expect([args, result.code]).toEqual([args, code])
      expect(result.stderr).toContain(mentions)
    }
  })
})

describe('edgelog dev', () => {
  test('prints its address and an example, keeps its state, and stops at Ctrl-C', async () => {
    const [port, kafkaPort] = [String(await freePort()), String(await freePort())]
    const env = { EDGELOG_URL: `http://127.0.0.1:${port}` }
    const run = async (work: () => Promise<void>) => {
      const child = start([
        'dev',
        '--port',
        port,
        '--kafka-port',
        kafkaPort,
        '--state',
        join(dir, 'state'),
      ])
      const end = ended(child)
      await watch(child).printed('Ctrl-C stops it.')
      await work()
      child.kill('SIGINT')
      return await end
    }
    const first = await run(async () => {
      const created = start(['topics', 'create', 'kept'], env)
      expect((await ended(created)).code).toBe(0)
    })
    expect(first.code).toBe(0)
    expect(first.stdout).toContain(`edgelog listens on http://localhost:${port}`)
    expect(first.stdout).toContain('topics create hello')
    expect(first.stdout).toContain(`With any Kafka client: localhost:${kafkaPort}`)
    const second = await run(async () => {
      const { stdout } = await ended(start(['topics', 'list'], env))
      expect(stdout).toContain('kept')
    })
    expect(second.code).toBe(0)
  })

  test('reports a port in use', async () => {
    const { port } = new URL(sharedServerUrl())
    const { code, stderr } = await edgelog(['dev', '--port', port, '--state', join(dir, 'other')])
    expect(code).toBe(1)
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is in use`)
  })

  test('reports the port for Kafka clients in use, before it serves anything', async () => {
    const { port } = new URL(sharedServerUrl())
    const args = ['dev', '--port', String(await freePort()), '--kafka-port', port]
    const { code, stdout, stderr } = await edgelog([...args, '--state', join(dir, 'other')])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(
      `port ${port} on 127.0.0.1 is in use, choose another with --kafka-port`,
    )
  })

  test('refuses a port for ksqlDB clients that is taken, and has none with --no-ksql', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const taken = String((holder.address() as AddressInfo).port)
    const refused = await edgelog(['dev', '--ephemeral', '--no-kafka', '--ksql-port', taken])
    holder.close()
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`port ${taken} for ksqlDB clients`)
    expect(refused.stderr).toContain('(--ksql-port, or --no-ksql)')
    const child = start(['dev', '--ephemeral', '--json', '--no-ksql'])
    const end = ended(child)
    const { printed, text } = watch(child)
    await printed('\n')
    expect(JSON.parse(text())).not.toHaveProperty('ksqlUrl')
    child.kill('SIGTERM')
    expect((await end).code).toBe(0)
  })

  test('leaves the usual port for ksqlDB clients out if it is taken', async () => {
    const holder = createServer()
    // Taken by the test, or already by another program.
    await new Promise<void>((resolve) => {
      holder.once('error', () => resolve())
      holder.listen(8088, '127.0.0.1', resolve)
    })
    const port = String(await freePort())
    const state = join(dir, 'without-ksql')
    const child = start(['dev', '--json', '--port', port, '--no-kafka', '--state', state])
    const end = ended(child)
    const { printed, text } = watch(child)
    await printed('\n')
    holder.close()
    expect(JSON.parse(text())).not.toHaveProperty('ksqlUrl')
    child.kill('SIGTERM')
    const { code, stderr } = await end
    expect(code).toBe(0)
    expect(stderr).toContain('edgelog: left out port 8088 for ksqlDB clients')
  })

  test('serves from temporary state and free ports, and prints them as JSON', async () => {
    const child = start(['dev', '--ephemeral', '--json'])
    const end = ended(child)
    const { printed, text } = watch(child)
    await printed('\n')
    const { url, bootstrapServers, ksqlUrl, stateDir } = JSON.parse(text())
    expect(bootstrapServers).toMatch(/^localhost:\d+$/)
    expect((await fetch(`${ksqlUrl}/info`)).status).toBe(200)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    child.kill('SIGTERM')
    const { code, stdout } = await end
    expect([code, stdout.trim().split('\n').length]).toEqual([0, 1])
    await expect(access(stateDir)).rejects.toThrow()
    const refused = await edgelog(['dev', '--ephemeral', '--state', dir])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      'edgelog: --ephemeral cannot be combined with --state\n',
    ])
  })

  test('reports a state folder in use until the other server has ended, in any way', async () => {
    const state = join(dir, 'shared')
    const holder = await ServerProcess.start({ stateDir: state })
    const args = ['dev', '--port', String(await freePort()), '--no-kafka', '--state', state]
    const refused = await edgelog(args)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`state folder ${state} is in use`)
    await holder.kill()
    const next = start(args)
    const end = ended(next)
    await watch(next).printed('Ctrl-C stops it.')
    next.kill('SIGINT')
    expect((await end).code).toBe(0)
  })
})
