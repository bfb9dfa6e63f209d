/** Holds a history against the promises. Each checker is linear in the history. */
import type { AppendEvent, History, StoredBatch, Violation } from './history.ts'

interface Place {
  readonly partition: number
  readonly offset: number
}

type Check = (history: History, places: ReadonlyMap<string, readonly Place[]>) => Violation[]

/** All violations of L1-L6, P1-P4 and V1; an empty list is the only good answer. */
export function checkHistory(history: History): Violation[] {
  const places = placesOf(history)
  const checks: Check[] = [
    checkDurable,
    checkDense,
    checkOneValuePerOffset,
    checkWholeAppends,
    checkNoFailedAppendSeen,
    checkOrder,
    checkNoDuplicate,
    checkProbes,
    checkSameAnswer,
    checkDrained,
  ]
  return checks.flatMap((check) => check(history, places))
}

/** Where each value lies in the log at the end. */
function placesOf(history: History): Map<string, Place[]> {
  const places = new Map<string, Place[]>()
  for (const [partition, batches] of history.log) {
    for (const { baseOffset, values } of batches) {
      for (const [delta, value] of values.entries()) {
        const place = { partition, offset: baseOffset + delta }
        places.set(value, [...(places.get(value) ?? []), place])
      }
    }
  }
  return places
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

function named(append: AppendEvent): string {
  return `append ${append.order} of ${append.producer} to partition ${append.partition}`
}

/** L1: what was acknowledged is in the log, where it was said to be. */
const checkDurable: Check = ({ appends }, places) =>
  appends.flatMap((append) => {
    const baseOffsets = acknowledged(append)
    if (baseOffsets === undefined) return []
    const isThere = [...acknowledgedValues(append, baseOffsets)].every(({ value, offset }) =>
      places
        .get(value)
        ?.some((place) => place.partition === append.partition && place.offset === offset),
    )
    return isThere ? [] : [{ promise: 'L1', what: `${named(append)}: acknowledged and lost` }]
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

/** L3: whatever anybody was told about an offset is what lies there at the end. */
const checkOneValuePerOffset: Check = ({ seen }, places) =>
  seen.flatMap(({ partition, offset, value }) => {
    const isThere = places
      .get(value)
      ?.some((place) => place.partition === partition && place.offset === offset)
    const what = `partition ${partition}, offset ${offset}: a reader saw ${value}, later it was not there`
    return isThere ? [] : [{ promise: 'L3', what }]
  })

/** L4: an append is in the log as a whole, its batches next to each other, or not at all. */
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
    if (found.every((place) => place === undefined)) return []
    const isWhole = append.batches.every((values, delta) => {
      const stored = first?.batches[first.index + delta]
      return stored?.values.join() === values.join()
    })
    return isWhole ? [] : [{ promise: 'L4', what: `${named(append)}: torn or interleaved` }]
  })
}

/** L5: what was refused for certain is never in the log. */
const checkNoFailedAppendSeen: Check = ({ appends }, places) =>
  appends
    .filter(({ outcomes }) => outcomes.every(({ kind }) => kind === 'fail'))
    .filter(({ batches }) => batches.flat().some((value) => places.has(value)))
    .map((append) => ({ promise: 'L5', what: `${named(append)}: refused, and in the log` }))

/** L6: one producer's acknowledged appends lie in the order it sent them. */
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
        what: `${named(append)}: lies before append ${before.order}`,
      })
    }
    last.set(key, { order: append.order, offset })
  }
  return violations
}

/** P1: nothing is in the log twice. */
const checkNoDuplicate: Check = (_, places) =>
  [...places]
    .filter(([, found]) => found.length > 1)
    .map(([value, found]) => ({
      promise: 'P1',
      what: `${value} lies at offsets ${found.map(({ offset }) => offset).join(', ')}`,
    }))

/** P2, P3: gaps and older epochs are refused, also after a crash. */
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
        what: `${named(append)}: ${outcome.kind === 'ok' ? 'accepted' : outcome.code}, not ${mustFailWith}`,
      }))
  })

/** P4: a repeated append gets the first answer. */
const checkSameAnswer: Check = ({ appends }) =>
  appends.flatMap((append) => {
    const answers = new Set(
      append.outcomes.filter(({ kind }) => kind === 'ok').map((outcome) => JSON.stringify(outcome)),
    )
    return append.isIdempotent && answers.size > 1
      ? [{ promise: 'P4', what: `${named(append)}: ${[...answers].join(' and then ')}` }]
      : []
  })

/** V1: after the last fault, what is repeated until it is answered is answered. */
const checkDrained: Check = ({ appends }) =>
  appends
    .filter(({ isIdempotent, mustFailWith }) => isIdempotent && mustFailWith === undefined)
    .filter((append) => acknowledged(append) === undefined)
    .map((append) => {
      const last = JSON.stringify(append.outcomes.at(-1))
      return { promise: 'V1', what: `${named(append)}: never answered, last ${last}` }
    })
