/** The rules that the model runs: the product's, or broken variants of some of them. */
import {
  addPending,
  endPending,
  type PendingOffset,
} from '../../../../src/core/group/pending/pending-offsets.ts'
import { decideAppend } from '../../../../src/core/log/append.ts'
import { decideEnd as decideEndInPartition } from '../../../../src/core/log/transactions.ts'
import { decideAdd, decideVerify } from '../../../../src/core/transaction/add-participants.ts'
import { decideEnd } from '../../../../src/core/transaction/end-transaction.ts'
import { decideInit } from '../../../../src/core/transaction/init-producer-id.ts'
import { passTime } from '../../../../src/core/transaction/transaction-deadlines.ts'
import { markerOf } from '../../../../src/core/transaction/transaction-record.ts'

export const RULES = {
  decideInit,
  decideAdd,
  decideVerify,
  decideEnd,
  passTime,
  markerOf,
  decideAppend,
  decideEndInPartition,
  addPending,
  endPending,
  /** Returns whether a pending offset no longer counts when another commit of its partition counts. */
  isSuperseded: (pending: PendingOffset, committedArrival: number) =>
    pending.arrival < committedArrival,
  /** Returns the end of what committed readers see. */
  readableEnd: (firstOpen: number | undefined, logEnd: number) => firstOpen ?? logEnd,
  /** Duties of the coordinator's object, beside the rules. */
  shell: {
    isDecisionDurableFirst: true,
    completesAfterAll: true,
    resumesDecisions: true,
  },
}

export type Rules = typeof RULES
