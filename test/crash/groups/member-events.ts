/**
 * What a member of a crash run writes down, a line of JSON each, as it happens: a line that was written
 * outlives the process. Times are of one machine's clock, in milliseconds.
 */

/** Offsets by partition of the one topic. */
export type Offsets = Readonly<Record<number, number>>

export type MemberEvent =
  /** A heartbeat that was answered with what the member is to hold. */
  | {
      readonly kind: 'told'
      readonly memberId: string
      readonly epoch: number
      readonly partitions: readonly number[]
      readonly atMs: number
    }
  /** A heartbeat that was taken: the group let the member hold on to this. */
  | {
      readonly kind: 'held'
      readonly memberId: string
      readonly partitions: readonly number[]
      readonly sentAtMs: number
    }
  /** What the group answered to the question where to begin. */
  | { readonly kind: 'fetched'; readonly offsets: Offsets }
  | { readonly kind: 'commit sent'; readonly memberId: string; readonly offsets: Offsets }
  | {
      readonly kind: 'commit taken'
      readonly memberId: string
      readonly epoch: number
      readonly offsets: Offsets
      readonly sentAtMs: number
    }
  /** The application begins with these records. */
  | {
      readonly kind: 'delivered'
      readonly partition: number
      readonly offset: number
      readonly nextOffset: number
    }
  /** The application is done with them. */
  | { readonly kind: 'finished'; readonly partition: number; readonly nextOffset: number }
  /** From here on another delivery may begin anywhere. */
  | { readonly kind: 'assigned' | 'taken away'; readonly partitions: readonly number[] }

/** All that one process wrote. */
export interface MemberHistory {
  readonly name: string
  readonly events: readonly MemberEvent[]
}
