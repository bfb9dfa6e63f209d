/** `edgelog transactions ...` */
import { type Command, InvalidArgumentError } from 'commander'
import type { TransactionDescription } from '../index.ts'
import { wholeNumber, withClient } from './connection.ts'
import { isHanging } from './hanging-transactions.ts'
import { formatTable, visible } from './table.ts'

const STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

/** Longer than the clocks of two machines differ, and than the log takes to end a transaction. */
const GRACE_MS = 60_000

export function addTransactionsCommand(program: Command): void {
  const transactions = program
    .command('transactions')
    .description('list, describe, abort, find those that hang')
  addList(transactions)
  addDescribe(transactions)
  addAbort(transactions)
  addFindHanging(transactions)
}

function addList(transactions: Command): void {
  transactions
    .command('list')
    .description('list the transactional ids and the state of their last transaction')
    .option('--state <state>', `only those in this state: ${STATES.join(', ')}`, parseState)
    .option('--json', 'print one JSON object per line')
    .action(async (options: { state?: string; json?: boolean }, command: Command) => {
      const { state, json } = options
      await withClient(command, async ({ admin }) => {
        const all = await admin.listTransactions()
        const shown = all.filter((one) => state === undefined || one.state === state)
        print(shown, json, 'no transactional ids')
      })
    })
}

function addDescribe(transactions: Command): void {
  transactions
    .command('describe')
    .argument('<id>')
    .description(
      'show the producer of a transactional id, and the partitions and groups of its transaction',
    )
    .option('--json', 'print as one JSON object')
    .action(async (id: string, { json }: { json?: boolean }, command: Command) => {
      await withClient(command, async ({ admin }) => {
        const transaction = await admin.describeTransaction(id)
        console.log(json ? JSON.stringify(transaction) : describe(transaction))
      })
    })
}

function addAbort(transactions: Command): void {
  transactions
    .command('abort')
    .argument('<id...>')
    .description(
      'abort open transactions and fence their producers; what they sent is never visible',
    )
    .action(async (ids: readonly string[], _options: object, command: Command) => {
      await withClient(command, async ({ admin }) => {
        for (const id of ids) {
          await admin.abortTransaction(id)
          console.log(`aborted the transaction of ${visible(id)}`)
        }
      })
    })
}

function addFindHanging(transactions: Command): void {
  transactions
    .command('find-hanging')
    .description('list transactions that have been open, or ending, for longer than they should')
    .option(
      '--grace-ms <ms>',
      'time beyond the timeout of the transaction; for one that is ending, since its decision',
      wholeNumber(0),
      GRACE_MS,
    )
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      `
The log aborts a transaction at its timeout and ends it within moments. One that hangs holds back committed readers
of its partitions. Use "edgelog transactions describe" to see them, and "edgelog transactions abort" to end it.`,
    )
    .action(async (options: { graceMs: number; json?: boolean }, command: Command) => {
      await withClient(command, async ({ admin }) => {
        const all = await admin.listTransactions()
        const nowMs = Date.now()
        const hanging = all.filter((one) => isHanging(one, nowMs, options.graceMs))
        print(hanging, options.json, 'no hanging transactions')
      })
    })
}

function print(
  transactions: readonly TransactionDescription[],
  json: boolean | undefined,
  none: string,
): void {
  if (json) for (const one of transactions) console.log(JSON.stringify(one))
  else if (transactions.length === 0) console.log(none)
  else console.log(table(transactions))
}

function table(transactions: readonly TransactionDescription[]): string {
  const rows = transactions.map((one) => [
    one.id,
    one.state,
    one.producerId,
    one.producerEpoch,
    one.startedAtMs === null ? '-' : new Date(one.startedAtMs).toISOString(),
  ])
  return formatTable(['TRANSACTIONAL ID', 'STATE', 'PRODUCER ID', 'EPOCH', 'OPEN SINCE'], rows)
}

function describe(transaction: TransactionDescription): string {
  const { id, state, producerId, producerEpoch, timeoutMs, partitions, groups } = transaction
  const lines = [
    `${visible(id)}  ${state}, producer ${producerId}, epoch ${producerEpoch}, timeout ${timeoutMs} ms`,
    `last change ${new Date(transaction.updatedAtMs).toISOString()}`,
  ]
  if (transaction.startedAtMs !== null) {
    lines.push(`open since ${new Date(transaction.startedAtMs).toISOString()}`)
  }
  const rows = partitions.map(({ topic, partition }) => [topic, partition] as const)
  if (rows.length > 0) lines.push('', formatTable(['TOPIC', 'PARTITION'], rows))
  const groupRows = groups.map((group) => [group])
  if (groupRows.length > 0) lines.push('', formatTable(['GROUP'], groupRows))
  return lines.join('\n')
}

function parseState(text: string): string {
  if (STATES.includes(text)) return text
  throw new InvalidArgumentError(`Must be one of ${STATES.join(', ')}.`)
}
