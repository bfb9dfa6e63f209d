/**
 * The events that a member of a crash run logs, each as a line of JSON at once: a written line survives the
 * process. Times are of one machine's clock, in milliseconds.
 */

/** Offsets by partition; a run has one topic. */
export type Offsets = Readonly<Record<number, number>>

export type MemberEvent =
  /** The response to a heartbeat contained an assignment. */
  | {
      readonly kind: 'assignment received'
      readonly memberId: string
      readonly epoch: number
      readonly partitions: readonly number[]
      readonly atMs: number
    }
  /** The group accepted a heartbeat, so the member still held these partitions. */
  | {
      readonly kind: 'held'
      readonly memberId: string
      readonly partitions: readonly number[]
      readonly sentAtMs: number
    }
  /** The committed offsets that the group returned; the member begins at them. */
  | { readonly kind: 'fetched'; readonly offsets: Offsets }
  | { readonly kind: 'commit sent'; readonly memberId: string; readonly offsets: Offsets }
  | {
      readonly kind: 'commit accepted'
      readonly memberId: string
      readonly epoch: number
      readonly offsets: Offsets
      readonly sentAtMs: number
      /** True if it was a call of a session. */
      readonly isBySession: boolean
    }
  /** The application started to handle these records. */
  | {
      readonly kind: 'delivered'
      readonly partition: number
      readonly offset: number
      readonly nextOffset: number
    }
  /** The application finished them. */
  | { readonly kind: 'finished'; readonly partition: number; readonly nextOffset: number }
  /** The next delivery of these partitions may begin at any offset. */
  | { readonly kind: 'assigned' | 'removed'; readonly partitions: readonly number[] }

/** All events that one process logged. */
export interface MemberHistory {
  readonly name: string
  readonly events: readonly MemberEvent[]
}
