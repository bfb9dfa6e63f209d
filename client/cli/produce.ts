/** `edgelog produce TOPIC`: sends each line of standard input as a record. */
import { fstatSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { COMPRESSION_NAMES } from '../../src/core/compression/codec.ts'
import type { Client, CompressionName, Producer, ProducerRecord } from '../index.ts'
import { interruption, wholeNumber, withClient } from './connection.ts'
import { readLines } from './lines.ts'
import { EXIT } from './output.ts'
import { type Progress, startProgress } from './progress.ts'

/** Enough for five batches in flight in each of a few partitions; keeps the heap small. */
const PRODUCE_BUFFER_BYTES = 8 * 1024 * 1024

interface ProduceOptions {
  readonly keySeparator?: string
  readonly partition?: number
  readonly compression: CompressionName
}

export function addProduceCommand(program: Command): void {
  program
    .command('produce')
    .argument('<topic>')
    .description('append each line of standard input as a record')
    .option(
      '--key-separator <text>',
      'split each line at the first such text: key before it, value after it',
    )
    .option(
      '--partition <number>',
      'send to this partition instead of choosing by key',
      wholeNumber(0),
    )
    .addOption(
      new Option('--compression <name>', 'compress the batches')
        .choices(COMPRESSION_NAMES)
        .default('none'),
    )
    .addHelpText(
      'after',
      `
For example:
  $ cat access.log | edgelog produce logs
  $ edgelog produce orders --key-separator : < orders.txt
Records of one partition keep the order of the lines; after a lost connection they are retried without
duplicates. Ctrl-C sends the lines read so far and stops.`,
    )
    .action(async (topic: string, options: ProduceOptions, command: Command) => {
      await withClient(command, (client) => produce(client, topic, options))
    })
}

async function produce(client: Client, topic: string, options: ProduceOptions): Promise<void> {
  // Reports an unknown topic before reading any input.
  await client.admin.describeTopic(topic, { partitionDetails: false })
  const isTerminal = process.stdin.isTTY === true
  const producer = client.createProducer({
    compression: options.compression,
    bufferBytesMax: PRODUCE_BUFFER_BYTES,
    lingerMs: isTerminal ? 0 : 20,
  })
  const { signal, release } = interruption()
  signal.addEventListener('abort', () => process.stdin.destroy())
  const progress = startProgress(inputSizeBytes(), !isTerminal)
  try {
    if (isTerminal) process.stderr.write('> ')
    await sendLines(producer, topic, options, progress, isTerminal, signal)
  } finally {
    release()
    progress.finish('produced')
  }
  if (signal.aborted) process.exitCode = EXIT.interrupted
}

async function sendLines(
  producer: Producer,
  topic: string,
  options: ProduceOptions,
  progress: Progress,
  isTerminal: boolean,
  signal: AbortSignal,
): Promise<void> {
  let lineNumber = 0
  let failure: unknown
  let latest: Promise<unknown> = Promise.resolve()
  const halfBufferBytes = producer.settings.bufferBytesMax / 2
  try {
    for await (const lines of readLines(process.stdin)) {
      for (const line of lines) {
        lineNumber += 1
        const record = recordOf(line, options, lineNumber)
        // Only the number: a reference to the line would keep its whole chunk in memory.
        const sizeBytes = line.length + 1
        latest = producer.send(topic, record).then(
          () => progress.add(1, sizeBytes),
          (error) => {
            failure ??= error
          },
        )
        // Limits the unacknowledged records, whatever the size of the input.
        if (producer.bufferedBytes > halfBufferBytes) await latest
        if (failure !== undefined) throw failure
      }
      if (isTerminal) {
        await latest
        process.stderr.write('> ')
      }
    }
  } catch (error) {
    // Closing standard input by Ctrl-C ends the loop with an error; the lines read so far are sent.
    if (!signal.aborted) throw error
  } finally {
    await producer.flush()
  }
  if (failure !== undefined) throw failure
}

function recordOf(line: Uint8Array, options: ProduceOptions, lineNumber: number): ProducerRecord {
  const { keySeparator, partition } = options
  if (keySeparator === undefined) return { value: line, partition }
  const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(keySeparator)
  if (at < 0) throw new Error(`line ${lineNumber} has no key separator ${keySeparator}`)
  const valueAt = at + Buffer.byteLength(keySeparator)
  return { key: line.subarray(0, at), value: line.subarray(valueAt), partition }
}

/** Returns the size of a file; a pipe has none. */
function inputSizeBytes(): number | undefined {
  const stat = fstatSync(0)
  return stat.isFile() ? stat.size : undefined
}
