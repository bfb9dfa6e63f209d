/** `edgelog consume TOPIC`: prints records as they arrive. */
import { type Command, Option } from 'commander'
import { ISOLATION_LEVELS } from '../../src/core/log/log-ends.ts'
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
    .description('print records, and wait for new ones')
    .option('--from-beginning', 'start with the first record instead of new ones')
    .option('--partition <number>', 'read only this partition', wholeNumber(0))
    .option('--offset <number>', 'start at this offset; needs --partition', wholeNumber(0))
    .option('--timestamp <ms>', 'start at this time, in ms since 1970', wholeNumber(0))
    .option('--group <id>', 'join this group and share the records with its members')
    .option('--max-messages <count>', 'stop after this many records', wholeNumber(1))
    .option(
      '--timeout-ms <ms>',
      'stop after this time without records; exit code 1 if some are unread',
      wholeNumber(1),
    )
    .option('--key-separator <text>', 'print the key and this text before the value')
    .addOption(
      new Option('--isolation <level>', 'uncommitted: print also records of open transactions')
        .choices(ISOLATION_LEVELS)
        .default('committed'),
    )
    .addOption(
      new Option('--format <name>', 'print the value, or the whole record as a line of JSON')
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
Records of one partition are printed in order. With --group, printing starts after the committed offsets, and
printed records are committed; --from-beginning and --timestamp set the start of a new group.
Lost connections are resumed. Ctrl-C stops.`,
    )
    .action(async (topic: string, options: ConsumeOptions, command: Command) => {
      if (options.offset !== undefined && options.partition === undefined) {
        command.error('error: --offset needs --partition')
      }
      if (options.group !== undefined && options.partition !== undefined) {
        command.error('error: --partition cannot be combined with --group')
      }
      await withClient(command, (client) => consume(client, topic, options))
    })
}

async function consume(client: Client, topic: string, options: ConsumeOptions): Promise<void> {
  // Reports an unknown topic at once instead of waiting for it.
  const description = await client.admin.describeTopic(topic, {
    partitionDetails: options.offset !== undefined,
  })
  const start = startOf(description, options)
  const { signal, release } = interruption()
  const reading = { bufferBytesMax: CONSUME_BUFFER_BYTES, isolation: options.isolation, signal }
  try {
    const { group: groupId } = options
    if (groupId === undefined) {
      await new RecordPrinter(
        client,
        await client.consumer({ ...start, ...reading }),
        topic,
        options,
      ).run()
    } else {
      const clientId = 'edgelog-consume'
      const member = { groupId, topics: [topic], from: fromOf(options), clientId }
      const consumer = await client.consumer({ ...member, ...reading })
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
    throw new Error(
      `--partition: topic ${name} has no partition ${partition}; 0 to ${partitions - 1} is allowed`,
    )
  }
  const log = partitionDetails?.find((one) => one.partition === partition)
  const begin = offset === undefined || log === undefined ? from : withinLog(offset, log)
  return { assignments: [{ topic: name, partition, offset: begin }] }
}

/** Returns the offset, or the nearer end of the log with a note on standard error. */
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
