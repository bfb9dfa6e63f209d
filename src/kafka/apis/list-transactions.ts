/**
 * Kafka's ListTransactions (key 66): lists transactional ids by state, producer id, duration (KIP-994) and pattern. An
 * empty filter matches all.
 */
import {
  array,
  int16,
  int32,
  int64,
  long,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { compileTopicPattern } from '../../core/topic-pattern/topic-pattern.ts'
import type {
  TransactionDescription,
  TransactionState,
} from '../../core/transaction/transaction-api.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { coordinatorErrorNumber } from '../transaction-errors.ts'

export const LIST_TRANSACTIONS = messages({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: long.in('1+').or(-1),
    transactionalIdPattern: nullableString.in('2+').or(null),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({
      transactionalId: string,
      producerId: int64,
      transactionState: string,
    }),
  },
})

export type ListTransactionsRequest = RequestOf<typeof LIST_TRANSACTIONS>
export type ListTransactionsResponse = ResponseOf<typeof LIST_TRANSACTIONS>

/** Kafka's states. Those that no transaction has here match none. */
const STATES: ReadonlySet<string> = new Set<TransactionState | 'Dead' | 'PrepareEpochFence'>([
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
])

export const listTransactionsApi = handled(
  LIST_TRANSACTIONS,
  async (request, { broker, version }) => {
    const unknownStateFilters = request.stateFilters.filter((state) => !STATES.has(state))
    try {
      const matches = filterOf(request, Date.now())
      const listed = await broker.transactionAdmin.list()
      return {
        errorCode: NO_ERROR,
        unknownStateFilters,
        transactionStates: listed.filter(matches).map(({ transactionalId, producerId, state }) => ({
          ...{ transactionalId, producerId, transactionState: state },
        })),
      }
    } catch (error) {
      const errorCode = coordinatorErrorNumber(error, version)
      return { errorCode, unknownStateFilters, transactionStates: [] }
    }
  },
)

/** @throws {EdgelogError} `invalid_regular_expression`. */
function filterOf(
  request: ListTransactionsRequest,
  nowMs: number,
): (transaction: TransactionDescription) => boolean {
  const { durationFilter: durationMs, transactionalIdPattern } = request
  const states = new Set(request.stateFilters)
  const producerIds = new Set(request.producerIdFilters)
  const pattern = transactionalIdPattern
    ? compileTopicPattern(transactionalIdPattern, 'transactionalIdPattern')
    : undefined
  return ({ transactionalId, producerId, state, startedAtMs }) =>
    (states.size === 0 || states.has(state)) &&
    (producerIds.size === 0 || producerIds.has(producerId)) &&
    // Without an open transaction none runs for longer.
    (durationMs < 0 || (startedAtMs >= 0 && nowMs - startedAtMs > durationMs)) &&
    (pattern === undefined || pattern.matches(transactionalId))
}
