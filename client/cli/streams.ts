/** `edgelog streams ...` */
import { type Command, Option } from 'commander'
import type { ApplicationDescription, ApplicationSummary, UpgradeDescription } from '../index.ts'
import { withClient } from './connection.ts'
import { STREAMS_RATE_MS } from './limits.ts'
import { count, formatTable, visible } from './table.ts'

export function addStreamsCommand(program: Command): void {
  const streams = program
    .command('streams')
    .description('list, describe, pause, resume, reset, delete applications of stream processing')
  addList(streams)
  addDescribe(streams)
  addChange(streams, 'pause', 'pause applications; their state stays')
  addChange(streams, 'resume', 'resume applications, and run tasks again that stopped at an error')
  addReset(streams)
  addDelete(streams)
}

function addList(streams: Command): void {
  streams
    .command('list')
    .description('list the applications with their status and lag')
    .option('--json', 'print one JSON object per line')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ applications }) => {
        const all = await applications.list()
        const described = await Promise.all(all.map(({ name }) => applications.describe(name)))
        if (json) for (const one of described) console.log(JSON.stringify(one))
        else if (described.length === 0) console.log('no applications')
        else console.log(list(described))
      })
    })
}

function list(applications: readonly ApplicationDescription[]): string {
  const rows = applications.map(({ name, status, generation, tasks, lag, recordsCount }) => {
    return [visible(name), status, generation, tasks.length, recordsCount, lag] as const
  })
  const columns = ['APPLICATION', 'STATUS', 'GENERATION', 'TASKS', 'RECORDS', 'LAG']
  const errors = applications.flatMap(({ name, error }) =>
    error === undefined ? [] : [`${visible(name)}: ${visible(error)}`],
  )
  return [formatTable(columns, rows), ...errors].join('\n')
}

function addDescribe(streams: Command): void {
  streams
    .command('describe')
    .argument('<application>')
    .description('show the tasks of an application: positions, lag, records/s, state, errors')
    .option('--json', 'print as one JSON object')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ applications }) => {
        const before = await applications.describe(name)
        if (json) {
          console.log(JSON.stringify(before))
          return
        }
        await new Promise((resolve) => setTimeout(resolve, STREAMS_RATE_MS))
        console.log(describe(await applications.describe(name), before))
      })
    })
}

function describe(now: ApplicationDescription, before: ApplicationDescription): string {
  const { name, status, generation, error, lag, tasks } = now
  const lines = [
    `${visible(name)}  ${status}, generation ${generation}, ${count(tasks.length, 'task')}, lag ${lag}`,
  ]
  if (error !== undefined) lines.push(visible(error))
  lines.push(...describeTasks(tasks, before.tasks))
  if (now.upgrade !== undefined) lines.push('', ...describeUpgrade(now.upgrade, before.upgrade))
  return lines.join('\n')
}

function describeUpgrade(now: UpgradeDescription, before: UpgradeDescription | undefined) {
  const { generation, step, lag, tasks, error } = now
  const what = `${step}, ${count(tasks.length, 'task')}, lag ${lag}`
  const lines = [`upgrade to generation ${generation}: ${what}`]
  if (error !== undefined) lines.push(visible(error))
  return [...lines, ...describeTasks(tasks, before?.tasks ?? [])]
}

type Tasks = ApplicationDescription['tasks']

function describeTasks(tasks: Tasks, before: Tasks): string[] {
  const lines: string[] = []
  const rows = tasks.map((task) => {
    const { sub, partition, inputs, recordsCount, stateBytes } = task
    const earlier = before.find((one) => one.sub === sub && one.partition === partition)
    const perSecond = (recordsCount - (earlier?.recordsCount ?? 0)) / (STREAMS_RATE_MS / 1_000)
    const taskLag = inputs.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
    const topics = inputs.map(({ topic, offset }) => `${topic}@${offset}`).join(' ')
    return [`${sub}_${partition}`, task.status, topics, taskLag, perSecond, stateBytes] as const
  })
  const columns = ['TASK', 'STATUS', 'POSITIONS', 'LAG', 'RECORDS/S', 'STATE BYTES']
  if (rows.length > 0) lines.push('', formatTable(columns, rows))
  for (const { sub, partition, lastError, dropped, failures } of tasks) {
    for (const [reason, records] of Object.entries(dropped)) {
      lines.push(
        `task ${sub}_${partition}: dropped ${count(records, 'record')}: ${visible(reason)}`,
      )
    }
    if (failures !== undefined) {
      const what = `${count(failures.count, 'failed expression')}, the last one: ${failures.lastMessage}`
      lines.push(`task ${sub}_${partition}: ${visible(what)}`)
    }
    if (lastError === undefined) continue
    const where = lastError.record === undefined ? '' : ` at ${lastError.record}`
    const at = new Date(lastError.atMs).toISOString()
    const text = `${lastError.node}: ${lastError.message}${where}`
    lines.push(`task ${sub}_${partition}: error of ${at}: ${visible(text)}`)
  }
  return lines
}

function addChange(streams: Command, change: 'pause' | 'resume', description: string): void {
  streams
    .command(change)
    .argument('<application...>')
    .description(description)
    .action(async (names: readonly string[], _options: object, command: Command) => {
      await withClient(command, async ({ applications }) => {
        for (const name of names) print(await applications[change](name))
      })
    })
}

function addReset(streams: Command): void {
  streams
    .command('reset')
    .argument('<application>')
    .description('delete the state of an application and begin anew')
    .addOption(
      new Option('--from <position>', 'where to begin')
        .choices(['earliest', 'latest'])
        .default('earliest'),
    )
    .action(async (name: string, options: { from: 'earliest' | 'latest' }, command: Command) => {
      await withClient(command, async ({ applications }) => {
        print(await applications.reset(name, options))
      })
    })
}

function addDelete(streams: Command): void {
  streams
    .command('delete')
    .argument('<application...>')
    .description('delete applications with their state and their internal topics')
    .action(async (names: readonly string[], _options: object, command: Command) => {
      await withClient(command, async ({ applications }) => {
        for (const name of names) {
          await applications.delete(name)
          console.log(`deleted ${visible(name)}`)
        }
      })
    })
}

function print({ name, status, generation, error }: ApplicationSummary): void {
  console.log(`${visible(name)}: ${status}, generation ${generation}`)
  if (error !== undefined) console.log(visible(error))
}
