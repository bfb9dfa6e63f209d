/** `edgelog consume TOPIC`: prints records as they come. */
import { type Command, Option } from 'commander'
import type {
  Assignment,
  Client,
  OffsetCommit,
  PartitionDetails,
  StartPosition,
  TopicDescription,
} from '../index.ts'
import { interruption, wholeNumber, withClient } from './connection.ts'
import { CONSUME_BUFFER_BYTES } from './limits.ts'
import { type PrintOptions, RecordPrinter } from './record-printer.ts'

interface ConsumeOptions extends PrintOptions {
  readonly fromBeginning?: boolean
  readonly offset?: number
  readonly timestamp?: number
}

export function addConsumeCommand(program: Command): void {
  program
    .command('consume')
    .argument('<topic>')
    .description('print records, and those to come')
    .option('--from-beginning', 'all records, not only new ones')
    .option('--partition <number>', 'only this one', wholeNumber(0))
    .option('--offset <number>', 'from this offset on, with --partition', wholeNumber(0))
    .option('--timestamp <ms>', 'from this time on, in ms since 1970', wholeNumber(0))
    .option('--group <id>', 'share the records with the other members of this group')
    .option('--max-messages <count>', 'stop after so many', wholeNumber(1))
    .option(
      '--timeout-ms <ms>',
      'stop when nothing came for so long; fails if there is more',
      wholeNumber(1),
    )
    .option('--key-separator <text>', 'print the key and this before the value')
    .addOption(
      new Option('--format <name>', 'the value as it is, or all of a record as a line of JSON')
        .choices(['value', 'json'])
        .default('value'),
    )
    .addHelpText(
      'after',
      `
For example:
  $ edgelog consume orders --from-beginning --key-separator :
  $ edgelog consume orders --group billing --from-beginning
  $ edgelog consume orders --from-beginning --timeout-ms 1000 --format json > orders.ndjson
Records of one partition come in order. With --group it goes on after what the group committed, and
commits what it has printed; --from-beginning and --timestamp say where a group that is new begins. It resumes by itself; Ctrl-C stops it.`,
    )
    .action(async (topic: string, options: ConsumeOptions, command: Command) => {
      if (options.offset !== undefined && options.partition === undefined) {
        command.error('error: --offset belongs to one partition: --partition is needed')
      }
      if (options.group !== undefined && options.partition !== undefined) {
        command.error('error: --group says which partitions are read: leave --partition out')
      }
      await withClient(command, (client) => consume(client, topic, options))
    })
}

async function consume(client: Client, topic: string, options: ConsumeOptions): Promise<void> {
  // A topic that is not there is said at once, not waited for.
  const description = await client.admin.describeTopic(topic, {
    partitionDetails: options.offset !== undefined,
  })
  const start = startOf(description, options)
  const { signal, release } = interruption()
  const reading = { bufferBytesMax: CONSUME_BUFFER_BYTES, signal }
  try {
    const { group: groupId } = options
    if (groupId === undefined) {
      await new RecordPrinter(
        client,
        client.consumer({ ...start, ...reading }),
        topic,
        options,
      ).run()
    } else {
      const clientId = 'edgelog-consume'
      const member = { groupId, topics: [topic], from: fromOf(options), clientId }
      const consumer = client.consumer({ ...member, ...reading })
      const commit = (offset: OffsetCommit) => consumer.commit([offset])
      await new RecordPrinter(client, consumer, topic, options, commit).run()
    }
  } finally {
    release()
  }
}

function startOf(
  { name, partitions, partitionDetails }: TopicDescription,
  options: ConsumeOptions,
): { assignments: Assignment[] } | { topics: string[]; from: Exclude<StartPosition, number> } {
  const { offset, partition } = options
  const from = fromOf(options)
  if (partition === undefined) return { topics: [name], from }
  if (partition >= partitions) {
    throw new Error(`topic ${name} has partitions 0 to ${partitions - 1}, not ${partition}`)
  }
  const log = partitionDetails?.find((one) => one.partition === partition)
  const begin = offset === undefined || log === undefined ? from : withinLog(offset, log)
  return { assignments: [{ topic: name, partition, offset: begin }] }
}

/** Returns the offset, or the end of the log that is nearer, and says so. */
function withinLog(offset: number, log: PartitionDetails): number {
  const { partition, logStartOffset, highWatermark } = log
  if (offset > highWatermark) {
    console.error(
      `edgelog: partition ${partition} ends at offset ${highWatermark}, before ${offset}`,
    )
    return highWatermark
  }
  if (offset >= logStartOffset) return offset
  console.error(
    `edgelog: partition ${partition} begins at offset ${logStartOffset}, after ${offset}`,
  )
  return logStartOffset
}

function fromOf({ fromBeginning, timestamp }: ConsumeOptions): Exclude<StartPosition, number> {
  return timestamp !== undefined ? { timestamp } : fromBeginning ? 'earliest' : 'latest'
}
