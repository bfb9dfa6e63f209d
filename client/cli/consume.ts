/** `edgelog consume TOPIC`: prints records as they come. */
import { once } from 'node:events'
import { type Command, Option } from 'commander'
import { recordToJson } from '../../src/core/batch/json-record.ts'
import type {
  Assignment,
  Client,
  Consumer,
  ConsumerRecord,
  GroupConsumer,
  OffsetCommit,
  StartPosition,
} from '../index.ts'
import { interruption, wholeNumber, withClient } from './connection.ts'

interface ConsumeOptions {
  readonly fromBeginning?: boolean
  readonly offset?: number
  readonly timestamp?: number
  readonly partition?: number
  readonly group?: string
  readonly maxMessages?: number
  readonly timeoutMs?: number
  readonly keySeparator?: string
  readonly format: 'value' | 'json'
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
    .option('--timeout-ms <ms>', 'stop when nothing came for so long', wholeNumber(1))
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
  const { partitions } = await client.admin.describeTopic(topic, { partitionDetails: false })
  const { partition } = options
  if (partition !== undefined && partition >= partitions) {
    throw new Error(`topic ${topic} has partitions 0 to ${partitions - 1}, not ${partition}`)
  }
  const { signal, release } = interruption()
  const reading = { bufferBytesMax: CONSUME_BUFFER_BYTES, signal }
  try {
    const { group } = options
    if (group === undefined) {
      await print(client.consumer({ ...startOf(topic, options), ...reading }), options)
    } else {
      const from = fromOf(options)
      const clientId = 'edgelog-consume'
      const consumer = client.consumer({
        groupId: group,
        topics: [topic],
        from,
        clientId,
        ...reading,
      })
      await print(consumer, options, (offset) => consumer.commit([offset]))
    }
  } finally {
    release()
  }
}

function startOf(
  topic: string,
  options: ConsumeOptions,
): { assignments: Assignment[] } | { topics: string[]; from: Exclude<StartPosition, number> } {
  const { offset, partition } = options
  const from = fromOf(options)
  if (partition === undefined) return { topics: [topic], from }
  return { assignments: [{ topic, partition, offset: offset ?? from }] }
}

function fromOf({ fromBeginning, timestamp }: ConsumeOptions): Exclude<StartPosition, number> {
  return timestamp !== undefined ? { timestamp } : fromBeginning ? 'earliest' : 'latest'
}

/** What is read ahead: a few reads, whatever the number of partitions. */
const CONSUME_BUFFER_BYTES = 4 * 1024 * 1024

/**
 * Prints until the consumer ends: by its signal, the count, or the silence.
 *
 * @param commit Of a group: commits what was printed where the loop is left in the middle of a batch.
 */
async function print(
  consumer: Consumer | GroupConsumer,
  options: ConsumeOptions,
  commit: (offset: OffsetCommit) => Promise<void> = async () => {},
): Promise<void> {
  let left = options.maxMessages ?? Number.POSITIVE_INFINITY
  let silence: NodeJS.Timeout | undefined
  const awaitSilence = () => {
    clearTimeout(silence)
    if (options.timeoutMs === undefined) return
    silence = setTimeout(() => void consumer.close(), options.timeoutMs)
  }
  awaitSilence()
  try {
    for await (const { topic, partition, records } of consumer) {
      // However long the output takes, it is not silence.
      clearTimeout(silence)
      const printed = records.slice(0, left)
      left -= printed.length
      const bytes = Buffer.concat(printed.flatMap((record) => lineOf(record, options)))
      if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
      if (left === 0) {
        const last = printed.at(-1)
        if (last !== undefined) await commit({ topic, partition, offset: last.offset + 1 })
        break
      }
      awaitSilence()
    }
  } finally {
    clearTimeout(silence)
    await consumer.close()
  }
}

const NEWLINE = Buffer.from('\n')
const NULL = Buffer.from('null')

function lineOf(record: ConsumerRecord, { format, keySeparator }: ConsumeOptions): Uint8Array[] {
  if (format === 'json') {
    const { partition, offset, timestamp, key, value } = record
    const headers = record.headers.map(([name, bytes]) => ({ key: name, value: bytes }))
    const json = recordToJson({ offset, timestamp, key, value, headers })
    return [Buffer.from(JSON.stringify({ partition, ...json })), NEWLINE]
  }
  const value = record.value ?? NULL
  if (keySeparator === undefined) return [value, NEWLINE]
  return [record.key ?? NULL, Buffer.from(keySeparator), value, NEWLINE]
}
