/** `edgelog consume --group` and `edgelog groups`, as processes. */
import { describe, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import * as command from './edgelog-command.ts'
import { ended, watch } from './edgelog-command.ts'

const start = (...args: readonly string[]) => command.start(sharedServerUrl(), args)
const edgelog = (...args: readonly string[]) => command.edgelog(sharedServerUrl(), args)

let topicsMade = 0

async function topicWith(lines: number, partitions = 1): Promise<string> {
  const topic = `cli-groups-${topicsMade++}`
  await edgelog('topics', 'create', topic, '--partitions', String(partitions))
  const input = Array.from({ length: lines }, (_, index) => `k${index}:${index}\n`).join('')
  await command.edgelog(sharedServerUrl(), ['produce', topic, '--key-separator', ':'], input)
  return topic
}

const linesOf = (text: string) => text.trim().split('\n').filter(Boolean)

describe('edgelog consume --group', () => {
  test('continues where the group was, also in the middle of a batch', async () => {
    const topic = await topicWith(20)
    const args = ['consume', topic, '--group', `${topic}-g`, '--from-beginning']
    const first = await edgelog(...args, '--max-messages', '7')
    expect(linesOf(first.stdout)).toEqual(Array.from({ length: 7 }, (_, index) => `${index}`))
    const rest = await edgelog(...args, '--timeout-ms', '1500')
    expect(linesOf(rest.stdout)).toEqual(Array.from({ length: 13 }, (_, index) => `${index + 7}`))
  })

  test('shares the records with the other members', async () => {
    const topic = await topicWith(0, 2)
    const group = `${topic}-g`
    const args = ['consume', topic, '--group', group, '--from-beginning']
    const [one, other] = [start(...args), start(...args)]
    const results = [ended(one), ended(other)]
    const log = connect({ url: sharedServerUrl() })
    await expect
      .poll(
        async () =>
          (
            await log
              .group(group)
              .describe()
              .catch(() => undefined)
          )?.state,
        {
          timeout: 120_000,
        },
      )
      .toBe('stable')
    await expect
      .poll(
        async () => (await log.group(group).describe()).members.map((m) => m.assignment.length),
        {
          timeout: 120_000,
        },
      )
      .toEqual([1, 1])
    const producer = log.createProducer()
    for (let index = 0; index < 40; index++) {
      await producer.send(topic, { value: `${index}`, partition: index % 2 })
    }
    await expect
      .poll(async () => (await log.group(group).describe()).totalLag, { timeout: 120_000 })
      .toBe(0)
    await log.close()
    one.kill('SIGINT')
    other.kill('SIGINT')
    const [a, b] = (await Promise.all(results)).map(({ stdout }) => linesOf(stdout))
    expect(a).toHaveLength(20)
    expect(b).toHaveLength(20)
    expect(new Set([...(a ?? []), ...(b ?? [])]).size).toBe(40)
  })

  test('rejects --partition', async () => {
    const { code, stderr } = await edgelog('consume', 't', '--group', 'g', '--partition', '0')
    expect(code).toBe(2)
    expect(stderr).toContain('--group')
  })
})

describe('edgelog groups', () => {
  test('lists and describes groups', async () => {
    const topic = await topicWith(30, 3)
    const group = `${topic}-g`
    const consuming = start('consume', topic, '--group', group, '--from-beginning')
    await watch(consuming).printed('29')
    const list = await edgelog('groups', 'list')
    expect(linesOf(list.stdout)[0]).toMatch(/^GROUP +STATE +MEMBERS$/)
    expect(list.stdout).toMatch(new RegExp(`^${group} +stable +1$`, 'm'))
    const json = linesOf((await edgelog('groups', 'list', '--json')).stdout).map((line) =>
      JSON.parse(line),
    )
    expect(json).toContainEqual({
      groupId: group,
      state: 'stable',
      protocol: 'consumer',
      memberCount: 1,
    })
    const described = await edgelog('groups', 'describe', group)
    expect(described.stdout).toContain(`${group}  stable, 1 member, epoch 1, lag `)
    expect(described.stdout).toContain(`${topic}[0-2]`)
    expect(described.stdout).toContain('edgelog-consume')
    expect(described.stdout).toMatch(/^TOPIC +PARTITION +COMMITTED +END +LAG +MEMBER$/m)
    const members = await edgelog('groups', 'describe', group, '--members')
    expect(members.stdout).not.toContain('COMMITTED')
    const end = ended(consuming)
    consuming.kill('SIGINT')
    await end
    const after = JSON.parse((await edgelog('groups', 'describe', group, '--json')).stdout)
    expect(after).toMatchObject({ state: 'empty', totalLag: 0 })
  })

  test('watches until it is stopped', async () => {
    const topic = await topicWith(5)
    const group = `${topic}-g`
    await edgelog('consume', topic, '--group', group, '--from-beginning', '--max-messages', '2')
    const watching = start('groups', 'describe', group, '--watch', '--interval-ms', '100')
    const { printed } = watch(watching)
    const end = ended(watching)
    await printed('lag 3')
    await edgelog('consume', topic, '--group', group, '--max-messages', '3')
    await printed('lag 0')
    watching.kill('SIGINT')
    expect((await end).code).toBe(0)
  })

  test('moves offsets only with --execute', async () => {
    const topic = await topicWith(10)
    const group = `${topic}-g`
    await edgelog('consume', topic, '--group', group, '--from-beginning', '--max-messages', '6')
    const dry = await edgelog('groups', 'reset-offsets', group, '--shift-by', '-4')
    expect(dry.stdout).toMatch(new RegExp(`^${topic} +0 +6 +2$`, 'm'))
    expect(dry.stderr).toContain('--execute')
    const again = await edgelog('consume', topic, '--group', group, '--max-messages', '1')
    expect(linesOf(again.stdout)).toEqual(['6'])
    const done = await edgelog(
      'groups',
      'reset-offsets',
      group,
      '--to-offset',
      '3',
      '--topic',
      `${topic}:0`,
      '--execute',
    )
    expect(done.code).toBe(0)
    const third = await edgelog('consume', topic, '--group', group, '--max-messages', '1')
    expect(linesOf(third.stdout)).toEqual(['3'])
  })

  test.each([
    [['groups', 'reset-offsets', 'g'], 2, '--to-earliest'],
    [['groups', 'reset-offsets', 'g', '--to-earliest', '--to-latest'], 2, '--to-earliest'],
    [['groups', 'reset-offsets', 'g', '--to-datetime', 'soon'], 2, '2026'],
    [['groups', 'reset-offsets', 'g', '--to-datetime', '5'], 2, '2026'],
    [['groups', 'reset-offsets', 'g', '--to-latest', '--topic', 't:a'], 2, 'partitions'],
    [['groups', 'reset-offsets', 'g', '--to-latest', '--dry-run', '--execute'], 2, '--dry-run'],
    [['groups', 'describe', 'no-such-group'], 1, 'group_id_not_found'],
    [['groups', 'describe', '..'], 1, 'invalid_group_id'],
    [['groups', 'delete', 'no-such-group'], 1, 'group_id_not_found'],
  ])('rejects %j', async (args, code, mention) => {
    const result = await edgelog(...args)
    expect(result.code).toBe(code)
    expect(result.stderr).toContain(mention)
  })

  test('deletes groups', async () => {
    const topic = await topicWith(3)
    const group = `${topic}-g`
    await edgelog('consume', topic, '--group', group, '--from-beginning', '--max-messages', '1')
    const { stdout } = await edgelog('groups', 'delete', group)
    expect(stdout).toBe(`deleted group ${group}\n`)
    expect((await edgelog('groups', 'describe', group)).code).toBe(1)
  })
})
