/** `edgelog transactions`, as processes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHanging } from '../../client/cli/hanging-transactions.ts'
import { type Client, connect, type TransactionDescription } from '../../client/index.ts'
import { openTransaction } from '../client/open-transaction.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import * as command from './edgelog-command.ts'

const edgelog = (...args: readonly string[]) =>
  command.edgelog(sharedServerUrl(), ['transactions', ...args])

let log: Client
beforeAll(() => {
  log = connect({ url: sharedServerUrl() })
})
afterAll(() => log.close())

/** Returns a topic and the transactional id of an open transaction with a record in it. */
async function openOne(): Promise<{ id: string; topic: string }> {
  const [id, topic] = [uniqueName('id'), uniqueName('topic')]
  await log.admin.createTopic(topic)
  await openTransaction(sharedServerUrl(), id, topic, ['x'])
  return { id, topic }
}

describe('edgelog transactions', () => {
  test('lists, describes and aborts an open transaction', async () => {
    const { id, topic } = await openOne()
    const [listed, json, described] = await Promise.all([
      edgelog('list', '--state', 'Ongoing'),
      edgelog('list', '--json'),
      edgelog('describe', id),
    ])
    expect(listed.stdout).toMatch(new RegExp(`${id} +Ongoing +\\d+ +\\d+ +20`))
    const lines = json.stdout.trim().split('\n')
    const descriptions = lines.map((line) => JSON.parse(line) as TransactionDescription)
    expect(descriptions.find((one) => one.id === id)).toMatchObject({
      ...{ state: 'Ongoing', partitions: [{ topic, partition: 0 }] },
    })
    expect(described.stdout).toMatch(new RegExp(`${topic} +0`))
    expect(await edgelog('abort', id)).toMatchObject({
      ...{ code: 0, stdout: `aborted the transaction of ${id}\n` },
    })
    const again = await edgelog('abort', id)
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('invalid_txn_state') })
  })

  test('reports an unknown id and an unknown state', async () => {
    const [unknown, state] = await Promise.all([
      edgelog('describe', uniqueName('unknown')),
      edgelog('list', '--state', 'open'),
    ])
    expect(unknown).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('transactional_id_not_found') },
    })
    expect(state).toMatchObject({ code: 2, stderr: expect.stringContaining('Must be one of') })
  })

  test('does not report a transaction within its timeout as hanging', async () => {
    const { id } = await openOne()
    const { code, stdout } = await edgelog('find-hanging', '--json')
    expect(code).toBe(0)
    expect(stdout).not.toContain(id)
  })

  test('shows an open transaction to "consume --isolation uncommitted" only', async () => {
    const { topic } = await openOne()
    const consume = (...args: readonly string[]) =>
      command.edgelog(sharedServerUrl(), [
        ...['consume', topic, '--from-beginning', '--timeout-ms', '500', ...args],
      ])
    const [committed, uncommitted] = await Promise.all([
      consume(),
      consume('--isolation', 'uncommitted'),
    ])
    expect(committed).toMatchObject({ code: 0, stdout: '' })
    expect(uncommitted).toMatchObject({ code: 0, stdout: 'x\n' })
  })
})

describe('isHanging', () => {
  const NOW_MS = 1_000_000
  const GRACE_MS = 1_000
  const one = (changes: Partial<TransactionDescription>): TransactionDescription => ({
    ...{ id: 'a', state: 'Ongoing', producerId: '1', producerEpoch: 0, timeoutMs: 5_000 },
    ...{ startedAtMs: NOW_MS, updatedAtMs: NOW_MS, partitions: [], groups: [], ...changes },
  })

  test.each([
    ['Ongoing', { startedAtMs: NOW_MS - 6_000 }, false],
    ['Ongoing', { startedAtMs: NOW_MS - 6_001 }, true],
    ['PrepareCommit', { startedAtMs: NOW_MS - 9_000, updatedAtMs: NOW_MS - 1_000 }, false],
    ['PrepareCommit', { updatedAtMs: NOW_MS - 1_001 }, true],
    ['PrepareAbort', { updatedAtMs: NOW_MS - 1_001 }, true],
    ['CompleteCommit', { startedAtMs: null, updatedAtMs: 0 }, false],
    ['Empty', { startedAtMs: null, updatedAtMs: 0 }, false],
  ])('decides by the state %s and its times: %o', (state, times, expected) => {
    expect(isHanging(one({ state, ...times }), NOW_MS, GRACE_MS)).toBe(expected)
  })
})
