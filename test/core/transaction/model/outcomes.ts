/** The outcome of a transaction at each participant. */
import type { TransactionOutcome } from '../../../../src/core/transaction/participant-api.ts'
import type { Entry, State } from './state.ts'

/** Returns the outcome of each record and offset that a transaction has at some participant; `open` before its end. */
export function outcomesOf(
  { p0, p1, group }: State,
  transaction: string,
): Array<TransactionOutcome | 'open'> {
  return [
    ...outcomesIn(p0.log, transaction),
    ...outcomesIn(p1.log, transaction),
    // A repeated commit arrives again, and is one all the same.
    ...group.arrivals
      .filter((one) => one.transaction === transaction)
      .slice(-1)
      .map(({ ended }) => ended ?? ('open' as const)),
  ]
}

/** The next marker of its producer decides on a record. */
function outcomesIn(log: readonly Entry[], transaction: string) {
  return log.flatMap((entry, offset) => {
    if (entry.transaction !== transaction) return []
    const marker = log.find(
      (one, at) => at > offset && one.marker !== undefined && one.producerId === entry.producerId,
    )
    return [marker?.marker ?? ('open' as const)]
  })
}
