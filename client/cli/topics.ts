/** `edgelog topics ...` */
import { type Command, InvalidArgumentError } from 'commander'
import { EdgelogError, type TopicDescription } from '../index.ts'
import { wholeNumber, withClient } from './connection.ts'
import { count, formatTable } from './table.ts'

type Config = Readonly<Record<string, string>>

export function addTopicsCommand(program: Command): void {
  const topics = program.command('topics').description('create, list, describe, alter, delete')
  addCreate(topics)
  addList(topics)
  addDescribe(topics)
  addAlter(topics)
  addDelete(topics)
}

function addCreate(topics: Command): void {
  topics
    .command('create')
    .argument('<name>')
    .option(
      '--partitions <count>',
      'number of partitions; can grow later, never shrink',
      wholeNumber(1),
      1,
    )
    .option('--config <key=value>', 'set a Kafka topic config; can be repeated', collectConfig, {})
    .option('--if-not-exists', 'succeed if the topic already exists')
    .addHelpText(
      'after',
      '\nFor example:\n  $ edgelog topics create clicks --partitions 3 --config retention.ms=86400000',
    )
    .action(
      async (
        name: string,
        options: { partitions: number; config: Config; ifNotExists?: boolean },
        command: Command,
      ) => {
        await withClient(command, async ({ admin }) => {
          try {
            const { partitions, config } = options
            const topic = await admin.createTopic(name, { partitions, config })
            console.log(`created topic ${topic.name} with ${count(topic.partitions, 'partition')}`)
          } catch (error) {
            const exists = error instanceof EdgelogError && error.code === 'topic_already_exists'
            if (!exists || options.ifNotExists !== true) throw error
            console.log(`topic ${name} already exists`)
          }
        })
      },
    )
}

function addList(topics: Command): void {
  topics
    .command('list')
    .option('--json', 'print one JSON object per line')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ admin }) => {
        const all = await admin.listTopics()
        if (json) for (const topic of all) console.log(JSON.stringify(topic))
        else if (all.length === 0)
          console.log('no topics; create one with: edgelog topics create NAME')
        else {
          const rows = all.map(({ name, partitions }) => [name, partitions] as const)
          console.log(formatTable(['TOPIC', 'PARTITIONS'], rows))
        }
      })
    })
}

function addDescribe(topics: Command): void {
  topics
    .command('describe')
    .argument('<name>')
    .option('--json', 'print as one JSON object')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ admin }) => {
        const topic = await admin.describeTopic(name)
        console.log(json ? JSON.stringify(topic) : describe(topic))
      })
    })
}

function describe(topic: TopicDescription): string {
  const partitions = (topic.partitionDetails ?? []).map(
    ({ partition, logStartOffset, highWatermark, sizeBytes }) =>
      [
        partition,
        logStartOffset,
        highWatermark,
        highWatermark - logStartOffset,
        sizeBytes,
      ] as const,
  )
  const config = Object.entries(topic.config).map(([key, value]) => [key, String(value)] as const)
  return [
    `${topic.name}  id ${topic.id}`,
    formatTable(['PARTITION', 'LOG START', 'HIGH WATERMARK', 'OFFSETS', 'BYTES'], partitions),
    '',
    ...describePlaces(topic),
    formatTable(['CONFIG', 'VALUE'], config),
  ].join('\n')
}

/** Returns what of a tiered topic lies in its partitions, and what in R2. */
function describePlaces({ partitionDetails = [] }: TopicDescription): string[] {
  const tiered = partitionDetails.flatMap(({ partition, remote }) => {
    if (remote === undefined) return []
    const { localStartOffset, copiedOffset, localBytes, remoteBytes } = remote
    return [[partition, localStartOffset, copiedOffset ?? '-', localBytes, remoteBytes] as const]
  })
  if (tiered.length === 0) return []
  const headings = ['PARTITION', 'LOCAL START', 'COPIED UP TO', 'LOCAL BYTES', 'R2 BYTES']
  return [formatTable(headings, tiered), '']
}

function addAlter(topics: Command): void {
  topics
    .command('alter')
    .argument('<name>')
    .option('--partitions <count>', 'set the total number of partitions', wholeNumber(1))
    .option('--config <key=value>', 'set a config; can be repeated', collectConfig, {})
    .option(
      '--delete-config <key>',
      'reset a config to its default; can be repeated',
      collectKeys,
      [],
    )
    .action(
      async (
        name: string,
        options: { partitions?: number; config: Config; deleteConfig: readonly string[] },
        command: Command,
      ) => {
        const { partitions } = options
        const defaults = options.deleteConfig.map((key) => [key, null] as const)
        const config = { ...options.config, ...Object.fromEntries(defaults) }
        const hasConfig = Object.keys(config).length > 0
        if (partitions === undefined && !hasConfig) {
          command.error('error: one of --partitions, --config, --delete-config is required')
        }
        await withClient(command, async ({ admin }) => {
          const topic = await admin.alterTopic(name, {
            ...(partitions !== undefined && { partitions }),
            ...(hasConfig && { config }),
          })
          console.log(`altered topic ${topic.name}, now ${count(topic.partitions, 'partition')}`)
        })
      },
    )
}

function addDelete(topics: Command): void {
  topics
    .command('delete')
    .argument('<name...>')
    .description('delete topics with all their records; this cannot be undone')
    .action(async (names: readonly string[], _options: object, command: Command) => {
      await withClient(command, async ({ admin }) => {
        for (const name of names) {
          await admin.deleteTopic(name)
          console.log(`deleted topic ${name}`)
        }
      })
    })
}

function collectConfig(text: string, before: Config): Config {
  const [key, ...value] = text.split('=')
  if (key === undefined || key === '' || value.length === 0) {
    throw new InvalidArgumentError('Use key=value.')
  }
  return { ...before, [key]: value.join('=') }
}

function collectKeys(key: string, before: readonly string[]): readonly string[] {
  return [...before, key]
}
