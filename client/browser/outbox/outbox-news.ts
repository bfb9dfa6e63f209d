/** What tabs tell one another about the outbox. Each can be missed: the database knows better. */
import type { ErrorBody } from '../../../src/core/errors.ts'
import type { Ack, Move } from '../store/schema.ts'

export type OutboxNews =
  /** Something was queued: whoever sends, look. */
  | { readonly kind: 'wake' }
  | {
      readonly kind: 'acked'
      readonly topic: string
      readonly partition: number
      readonly acks: readonly Ack[]
    }
  | {
      readonly kind: 'parked'
      readonly topic: string
      /** Of one record; without it all that the topic had waiting. */
      readonly place?: { readonly partition: number; readonly position: number }
      readonly error: ErrorBody
    }
  | { readonly kind: 'moved'; readonly topic: string; readonly moves: readonly Move[] }
