/** The producers of the model: each follows its program, as a correct client does with the responses it gets. */
import type { ProducerIdAndEpoch } from '../../../../src/core/transaction/participant-api.ts'
import { outcomesOf } from './outcomes.ts'
import type { Call, Fate, ProducerProgress, Scope, State } from './state.ts'

export type Reply = { readonly ok: unknown } | { readonly error: string }

/** Refusals after which the client repeats the call. */
const IS_TEMPORARY = new Set(['concurrent_transactions'])

export function withProducer(
  state: State,
  index: number,
  change: Partial<ProducerProgress>,
): State {
  const producers = state.producers.map((one, at) => (at === index ? { ...one, ...change } : one))
  return { ...state, producers }
}

export function transactionName(from: number, transaction: number): string {
  return `${from}.${transaction}`
}

/** Returns the next call of a producer; undefined at the end of its program. */
export function callOf(
  { programs, version }: Scope,
  progress: ProducerProgress,
  from: number,
): Call | undefined {
  const { producer, transaction: index, op: at, sequences, connection } = progress
  if (producer === undefined) return { kind: 'init', from }
  const op = programs[from]?.[index]?.[Math.floor(at)]
  if (op === undefined) return undefined
  if (progress.needsEpoch) return { kind: 'init', from, producer }
  const transaction = transactionName(from, index)
  const base = { from, transaction, connection, ...producer }
  if (op === 'commit' || op === 'abort') return { ...base, kind: 'end', outcome: op }
  // A client of version 1 adds each participant before it sends to it.
  const kind = version === 1 && Number.isInteger(at) ? 'add' : 'send'
  return { ...base, kind, to: op, sequence: sequences[op] ?? 0 }
}

/** Returns the call with which a client gives up a record that had no response: it aborts the transaction. */
export function abortOf({ call, producer, connection }: ProducerProgress): Call | undefined {
  if (call?.kind !== 'send' || producer === undefined) return undefined
  const { from, transaction } = call
  return { from, transaction, connection, ...producer, kind: 'end', outcome: 'abort' }
}

/** Gives a producer the response to its call, if it still waits for one. */
export function afterReply(scope: Scope, state: State, call: Call, reply: Reply): State {
  const { from } = call
  const progress = state.producers[from]
  if (progress === undefined || progress.state !== 'waiting') return state
  if ('error' in reply) {
    if (IS_TEMPORARY.has(reply.error)) return withProducer(state, from, { state: 'repeating' })
    // A client whose call is refused gives up: a later instance goes on.
    return withProducer(state, from, { state: 'dead', call: undefined })
  }
  const ready = { state: 'ready', call: undefined } as const
  if (call.kind === 'init') {
    if (call.producer !== undefined) {
      const producer = pick(reply.ok as ProducerIdAndEpoch)
      return withProducer(state, from, { ...ready, producer, sequences: {}, needsEpoch: false })
    }
    const earlier = state.producers.flatMap(({ producer }, other) => {
      if (other === from || producer === undefined) return []
      return (scope.programs[other] ?? []).map((_, index) => transactionName(other, index))
    })
    const fenced = earlier.filter((name) => !isCommitted(state, name))
    const producer = reply.ok as ProducerIdAndEpoch
    const next = withProducer(state, from, { ...ready, producer: pick(producer) })
    return { ...next, fenced: [...new Set([...state.fenced, ...fenced])].sort() }
  }
  if (call.kind === 'end') {
    const fate: Fate = call.outcome === 'commit' ? 'committed' : 'aborted'
    const sequences = isSameEpoch(call, reply.ok as ProducerIdAndEpoch) ? progress.sequences : {}
    const producer = pick(reply.ok as ProducerIdAndEpoch)
    const transaction = progress.transaction + 1
    const needsEpoch = progress.needsEpoch && scope.version === 1
    const next = { ...ready, producer, sequences, transaction, op: 0, needsEpoch }
    const fates = { ...state.fates, [call.transaction]: fate }
    return { ...withProducer(state, from, next), fates }
  }
  if (call.kind !== 'add' && call.kind !== 'send') return state
  const fates = { ...state.fates, [call.transaction]: state.fates[call.transaction] ?? 'open' }
  if (call.kind === 'add') {
    return { ...withProducer(state, from, { ...ready, op: progress.op + 0.5 }), fates }
  }
  const sequences = { ...progress.sequences, [call.to]: call.sequence + 1 }
  const op = Math.floor(progress.op) + 1
  return { ...withProducer(state, from, { ...ready, sequences, op }), fates }
}

function pick({ producerId, producerEpoch }: ProducerIdAndEpoch): ProducerIdAndEpoch {
  return { producerId, producerEpoch }
}

function isSameEpoch(one: ProducerIdAndEpoch, other: ProducerIdAndEpoch): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch
}

/** Returns whether anything of a transaction is committed already. */
function isCommitted(state: State, transaction: string): boolean {
  return outcomesOf(state, transaction).includes('commit')
}
