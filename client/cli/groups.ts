/** `edgelog groups ...` */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { sleep, systemClock } from '../clock.ts'
import type { Client, Group, GroupDescription, ResetOffset, ResetTarget } from '../index.ts'
import { interruption, wholeNumber, withClient } from './connection.ts'
import { parseTime } from './parse-time.ts'
import { Screen } from './screen.ts'
import { count, formatTable, visible } from './table.ts'

export function addGroupsCommand(program: Command): void {
  const groups = program.command('groups').description('list, describe, reset offsets, delete')
  addList(groups)
  addDescribe(groups)
  addResetOffsets(groups)
  addDelete(groups)
}

function addList(groups: Command): void {
  groups
    .command('list')
    .option('--json', 'print one JSON object per line')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ admin }) => {
        const all = await admin.listGroups()
        if (json) for (const group of all) console.log(JSON.stringify(group))
        else if (all.length === 0)
          console.log('no groups; create one with: edgelog consume TOPIC --group GROUP')
        else {
          const rows = all.map(
            ({ groupId, state, memberCount }) => [groupId, state, memberCount] as const,
          )
          console.log(formatTable(['GROUP', 'STATE', 'MEMBERS'], rows))
        }
      })
    })
}

// -- describe ----------------------------------------------------------------------------------

interface DescribeOptions {
  readonly json?: boolean
  readonly members?: boolean
  readonly watch?: boolean
  readonly intervalMs: number
}

const WATCH_INTERVAL_MS = 2_000

function addDescribe(groups: Command): void {
  groups
    .command('describe')
    .argument('<group>')
    .description('show members, their partitions, and the lag of each partition')
    .option('--members', 'show only the members')
    .option('--watch', 'repeat until Ctrl-C')
    .option('--interval-ms <ms>', 'interval of --watch', wholeNumber(100), WATCH_INTERVAL_MS)
    .option('--json', 'print as one JSON object')
    .action(async (id: string, options: DescribeOptions, command: Command) => {
      await withClient(command, async (client) => {
        const group = client.group(id)
        if (options.watch) await watch(group, options)
        else console.log(show(await group.describe(), options))
      })
    })
}

async function watch(group: Group, options: DescribeOptions): Promise<void> {
  const { signal, release } = interruption()
  const screen = new Screen(process.stdout)
  try {
    while (!signal.aborted) {
      screen.show(show(await group.describe({ signal }), options))
      await sleep(systemClock, options.intervalMs, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    release()
  }
}

function show(group: GroupDescription, { json, members }: DescribeOptions): string {
  if (json) return JSON.stringify(group)
  const parts = [headline(group)]
  if (group.members.length > 0) parts.push(membersTable(group))
  if (!members && group.offsets.length > 0) parts.push(offsetsTable(group))
  return parts.join('\n\n')
}

function headline({ groupId, state, memberCount, groupEpoch, totalLag }: GroupDescription): string {
  const members = count(memberCount, 'member')
  return `${visible(groupId)}  ${state}, ${members}, epoch ${groupEpoch}, lag ${formatLag(totalLag)}`
}

function membersTable({ members }: GroupDescription): string {
  const rows = members.map((member) => {
    const held = member.assignment.map(
      ({ topic, partitions }) => `${topic}[${formatRanges(partitions)}]`,
    )
    const id = member.instanceId ?? member.memberId
    return [id, member.clientId || '-', member.state, member.memberEpoch, held.join(' ') || '-']
  })
  return formatTable(['MEMBER', 'CLIENT', 'STATE', 'EPOCH', 'PARTITIONS'], rows)
}

function offsetsTable({ offsets, members }: GroupDescription): string {
  const names = new Map(
    members.map(({ memberId, instanceId }) => [memberId, instanceId ?? memberId]),
  )
  const rows = offsets.map((offset) => [
    offset.topic,
    offset.partition,
    offset.committedOffset ?? '-',
    offset.highWatermark,
    offset.lag,
    names.get(offset.memberId ?? '') ?? '-',
  ])
  return formatTable(['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'MEMBER'], rows)
}

function formatLag(lag: number): string {
  return lag.toLocaleString('en-US')
}

/** @example formatRanges([0, 1, 2, 5]) === '0-2,5' */
function formatRanges(numbers: readonly number[]): string {
  const ranges: string[] = []
  for (let at = 0; at < numbers.length; ) {
    const first = numbers[at] ?? 0
    let length = 1
    while (numbers[at + length] === first + length) length += 1
    ranges.push(length === 1 ? `${first}` : `${first}-${first + length - 1}`)
    at += length
  }
  return ranges.join(',')
}

// -- reset offsets -----------------------------------------------------------------------------

interface ResetOptions {
  readonly toEarliest?: boolean
  readonly toLatest?: boolean
  readonly toOffset?: number
  readonly toDatetime?: number
  readonly shiftBy?: number
  readonly topic: readonly TopicOption[]
  readonly execute?: boolean
  readonly json?: boolean
}

interface TopicOption {
  readonly topic: string
  readonly partitions?: readonly number[]
}

function addResetOffsets(groups: Command): void {
  groups
    .command('reset-offsets')
    .argument('<group>')
    .description('move the committed offsets of a group without members')
    .option('--to-earliest', 'move to the beginning of the log')
    .option('--to-latest', 'move to its end')
    .option('--to-offset <number>', 'move to this offset', wholeNumber(0))
    .option(
      '--to-datetime <time>',
      'move to the first record at or after this time, e.g. 2026-11-22T10:00Z, or ms since 1970',
      parseTime,
    )
    .option(
      '--shift-by <number>',
      'move by this number of offsets; negative moves back',
      parseShift,
    )
    .option(
      '--topic <name[:p,p]>',
      'only this topic, or these partitions of it; can be repeated',
      collectTopic,
      [],
    )
    .addOption(
      new Option('--dry-run', 'print the result without applying it (default)').conflicts(
        'execute',
      ),
    )
    .option('--execute', 'apply it')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      `
For example:
  $ edgelog groups reset-offsets billing --to-earliest --topic orders
  $ edgelog groups reset-offsets billing --to-datetime 2026-11-22T10:00Z --execute`,
    )
    .action(async (id: string, options: ResetOptions, command: Command) => {
      const target = targetOf(options)
      if (target === undefined) {
        command.error(
          'error: exactly one of --to-earliest, --to-latest, --to-offset, --to-datetime, --shift-by is required',
        )
      }
      await withClient(command, (client) => resetOffsets(client, id, target, options))
    })
}

async function resetOffsets(
  client: Client,
  id: string,
  target: ResetTarget,
  { topic, execute = false, json }: ResetOptions,
): Promise<void> {
  const offsets = await client.group(id).resetOffsets(target, {
    dryRun: !execute,
    ...(topic.length > 0 && { topics: topic }),
  })
  if (json) {
    for (const offset of offsets) console.log(JSON.stringify(offset))
    return
  }
  if (offsets.length === 0)
    console.log('the group has no committed offsets; name a topic with --topic')
  else console.log(resetTable(offsets))
  if (!execute) console.error('nothing was changed; use --execute to apply it')
}

function resetTable(offsets: readonly ResetOffset[]): string {
  const rows = offsets.map(({ topic, partition, previousOffset, offset }) => [
    topic,
    partition,
    previousOffset ?? '-',
    offset,
  ])
  return formatTable(['TOPIC', 'PARTITION', 'COMMITTED', 'NEW'], rows)
}

function targetOf(options: ResetOptions): ResetTarget | undefined {
  const targets: ResetTarget[] = []
  if (options.toEarliest) targets.push({ to: 'earliest' })
  if (options.toLatest) targets.push({ to: 'latest' })
  if (options.toOffset !== undefined) targets.push({ offset: options.toOffset })
  if (options.toDatetime !== undefined) targets.push({ timestamp: options.toDatetime })
  if (options.shiftBy !== undefined) targets.push({ shiftBy: options.shiftBy })
  return targets.length === 1 ? targets[0] : undefined
}

function parseShift(text: string): number {
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Must be a whole number.')
}

function collectTopic(text: string, before: readonly TopicOption[]): readonly TopicOption[] {
  const [topic = '', list, ...rest] = text.split(':')
  if (topic === '' || rest.length > 0) throw new InvalidArgumentError('Use name, or name:0,1.')
  if (list === undefined) return [...before, { topic }]
  if (!/^\d{1,4}(,\d{1,4})*$/.test(list)) {
    throw new InvalidArgumentError('Use partitions such as 0,1 after the colon.')
  }
  return [...before, { topic, partitions: list.split(',').map(Number) }]
}

// -- delete ------------------------------------------------------------------------------------

function addDelete(groups: Command): void {
  groups
    .command('delete')
    .argument('<group...>')
    .description('delete groups without members, and their offsets; this cannot be undone')
    .action(async (ids: readonly string[], _options: object, command: Command) => {
      await withClient(command, async (client) => {
        for (const id of ids) {
          await client.group(id).delete()
          console.log(`deleted group ${id}`)
        }
      })
    })
}
