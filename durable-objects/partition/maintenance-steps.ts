/**
 * The steps of maintenance, in the order in which an alarm does them. A new one is a row here: it says what one turn
 * does, how many turns an alarm gives it, and when it has something to do next.
 */
import { MAINTENANCE_TURNS_MAX, PRODUCER_TURNS_MAX } from '../../src/core/limits.ts'
import type { PartitionLog } from './partition-log.ts'

export interface MaintenanceStep {
  readonly name: string
  /** Turns of one alarm; what is left waits for the next alarm. */
  readonly turnsMax: number
  /** Does one bounded, synchronous and idempotent part of the work; returns whether there is more to do now. */
  turn(log: PartitionLog, time: MaintenanceTime): boolean
  /** When there is something to do that no commit brings about; undefined: nothing. */
  dueAtMs?(log: PartitionLog): number | undefined
}

export interface MaintenanceTime {
  readonly nowMs: number
  /** The alarm is a check of the age of records. */
  readonly isAgeCheck: boolean
}

export const MAINTENANCE_STEPS: readonly MaintenanceStep[] = [
  {
    name: 'retain',
    turnsMax: MAINTENANCE_TURNS_MAX,
    turn: (log, { nowMs, isAgeCheck }) => log.retain(isAgeCheck ? nowMs : undefined),
  },
  {
    name: 'seal',
    turnsMax: MAINTENANCE_TURNS_MAX,
    turn: (log) => log.seal(),
  },
  {
    name: 'expire producers',
    turnsMax: PRODUCER_TURNS_MAX,
    turn: (log, { nowMs }) => log.expireProducers(nowMs),
    dueAtMs: (log) => log.producersExpireAtMs,
  },
]
