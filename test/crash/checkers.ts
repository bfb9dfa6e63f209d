/** Checks a history against the promises of docs/GUARANTEES.md. Each check is linear in the history. */
import type { AppendEvent, History, StoredBatch, Violation } from './history.ts'

interface Position {
  readonly partition: number
  readonly offset: number
}

type Check = (history: History, positions: ReadonlyMap<string, readonly Position[]>) => Violation[]

/** Returns all violations of L1-L6, P1-P4 and V1; the list is empty if every promise holds. */
export function checkHistory(history: History): Violation[] {
  const positions = positionsOf(history)
  const checks: Check[] = [
    checkDurable,
    checkDense,
    checkOneValuePerOffset,
    checkWholeAppends,
    checkNoFailedAppendSeen,
    checkOrder,
    checkNoDuplicate,
    checkProbes,
    checkSameResponse,
    checkDrained,
  ]
  return checks.flatMap((check) => check(history, positions))
}

/** Returns the positions of each value in the log at the end. */
function positionsOf(history: History): Map<string, Position[]> {
  const positions = new Map<string, Position[]>()
  for (const [partition, batches] of history.log) {
    for (const { baseOffset, values } of batches) {
      for (const [delta, value] of values.entries()) {
        const position = { partition, offset: baseOffset + delta }
        positions.set(value, [...(positions.get(value) ?? []), position])
      }
    }
  }
  return positions
}

function acknowledged(append: AppendEvent): readonly number[] | undefined {
  return append.outcomes.find((outcome) => outcome.kind === 'ok')?.baseOffsets
}

function* acknowledgedValues(append: AppendEvent, baseOffsets: readonly number[]) {
  for (const [index, batch] of append.batches.entries()) {
    for (const [delta, value] of batch.entries()) {
      yield { value, offset: (baseOffsets[index] ?? Number.NaN) + delta }
    }
  }
}

function describeAppend(append: AppendEvent): string {
  return `append ${append.order} of ${append.producer} to partition ${append.partition}`
}

/** L1: every acknowledged record is in the log at its acknowledged offset. */
const checkDurable: Check = ({ appends }, positions) =>
  appends.flatMap((append) => {
    const baseOffsets = acknowledged(append)
    if (baseOffsets === undefined) return []
    const isThere = [...acknowledgedValues(append, baseOffsets)].every(({ value, offset }) =>
      positions
        .get(value)
        ?.some((position) => position.partition === append.partition && position.offset === offset),
    )
    return isThere
      ? []
      : [{ promise: 'L1', what: `${describeAppend(append)}: acknowledged, but lost` }]
  })

/** L2: offsets are dense from the start of the log. */
const checkDense: Check = ({ log }) =>
  [...log].flatMap(([partition, batches]) => {
    let next = 0
    const violations: Violation[] = []
    for (const { baseOffset, values } of batches) {
      if (baseOffset !== next) {
        const what = `partition ${partition}: offset ${baseOffset} follows ${next - 1}`
        violations.push({ promise: 'L2', what })
      }
      next = baseOffset + values.length
    }
    return violations
  })

/** L3: a value that a reader received at an offset is still at that offset at the end. */
const checkOneValuePerOffset: Check = ({ seen }, positions) =>
  seen.flatMap(({ partition, offset, value }) => {
    const isThere = positions
      .get(value)
      ?.some((position) => position.partition === partition && position.offset === offset)
    const what = `partition ${partition}, offset ${offset}: a reader received ${value}, which is not there at the end`
    return isThere ? [] : [{ promise: 'L3', what }]
  })

/** L4: the log holds all batches of an append, one after the other, or none of them. */
const checkWholeAppends: Check = ({ appends, log }) => {
  const batchOfValue = new Map<string, { batches: readonly StoredBatch[]; index: number }>()
  for (const batches of log.values()) {
    for (const [index, batch] of batches.entries()) {
      const [first] = batch.values
      if (first !== undefined && !batchOfValue.has(first)) {
        batchOfValue.set(first, { batches, index })
      }
    }
  }
  return appends.flatMap((append) => {
    const found = append.batches.map((batch) => batchOfValue.get(batch[0] ?? ''))
    const [first] = found
    if (found.every((position) => position === undefined)) return []
    const isWhole = append.batches.every((values, delta) => {
      const stored = first?.batches[first.index + delta]
      return stored?.values.join() === values.join()
    })
    return isWhole
      ? []
      : [{ promise: 'L4', what: `${describeAppend(append)}: torn or interleaved` }]
  })
}

/** L5: an append that was definitely refused is never in the log. */
const checkNoFailedAppendSeen: Check = ({ appends }, positions) =>
  appends
    .filter(({ outcomes }) => outcomes.every(({ kind }) => kind === 'fail'))
    .filter(({ batches }) => batches.flat().some((value) => positions.has(value)))
    .map((append) => ({
      promise: 'L5',
      what: `${describeAppend(append)}: refused, but in the log`,
    }))

/** L6: the acknowledged appends of one producer are in the order in which it sent them. */
const checkOrder: Check = ({ appends }) => {
  const last = new Map<string, { order: number; offset: number }>()
  const violations: Violation[] = []
  for (const append of [...appends].sort((a, b) => a.order - b.order)) {
    const offset = acknowledged(append)?.[0]
    if (offset === undefined) continue
    const key = `${append.producer}/${append.partition}`
    const before = last.get(key)
    if (before !== undefined && before.offset >= offset) {
      violations.push({
        promise: 'L6',
        what: `${describeAppend(append)}: stored before append ${before.order}`,
      })
    }
    last.set(key, { order: append.order, offset })
  }
  return violations
}

/** P1: no value is in the log twice. */
const checkNoDuplicate: Check = (_, positions) =>
  [...positions]
    .filter(([, found]) => found.length > 1)
    .map(([value, found]) => ({
      promise: 'P1',
      what: `${value} is stored at offsets ${found.map(({ offset }) => offset).join(', ')}`,
    }))

/** P2, P3: sequence gaps and older epochs are refused, also after a crash. */
const checkProbes: Check = ({ appends }) =>
  appends.flatMap((append) => {
    const { mustFailWith } = append
    if (mustFailWith === undefined) return []
    const promise = mustFailWith === 'invalid_producer_epoch' ? 'P3' : 'P2'
    return append.outcomes
      .filter((outcome) => outcome.kind !== 'unknown')
      .filter((outcome) => outcome.kind === 'ok' || outcome.code !== mustFailWith)
      .map((outcome) => ({
        promise,
        what: `${describeAppend(append)}: ${outcome.kind === 'ok' ? 'accepted' : outcome.code}, not ${mustFailWith}`,
      }))
  })

/** P4: a repeated append gets the first response again. */
const checkSameResponse: Check = ({ appends }) =>
  appends.flatMap((append) => {
    const responses = new Set(
      append.outcomes.filter(({ kind }) => kind === 'ok').map((outcome) => JSON.stringify(outcome)),
    )
    return append.isIdempotent && responses.size > 1
      ? [{ promise: 'P4', what: `${describeAppend(append)}: ${[...responses].join(' and then ')}` }]
      : []
  })

/** V1: after the last fault, each append that is retried until it is acknowledged is acknowledged. */
const checkDrained: Check = ({ appends }) =>
  appends
    .filter(({ isIdempotent, mustFailWith }) => isIdempotent && mustFailWith === undefined)
    .filter((append) => acknowledged(append) === undefined)
    .map((append) => {
      const last = JSON.stringify(append.outcomes.at(-1))
      return { promise: 'V1', what: `${describeAppend(append)}: never acknowledged, last ${last}` }
    })
