/**
 * The maintenance steps, in the order in which an alarm runs them. Each row gives the work of one turn, the number of
 * turns per alarm, and the time of the next work. To add a step, add a row.
 */
import { MAINTENANCE_TURNS_MAX, PRODUCER_TURNS_MAX } from '../../src/core/limits.ts'
import type { PartitionLog } from './partition-log.ts'

export interface MaintenanceStep {
  readonly name: string
  /** Turns per alarm; the rest waits for the next alarm. */
  readonly turnsMax: number
  /** Does one bounded, synchronous and idempotent part of the work; returns whether more is left to do now. */
  turn(log: PartitionLog, time: MaintenanceTime): boolean
  /** Returns when work becomes due without a commit; undefined if none does. */
  dueAtMs?(log: PartitionLog): number | undefined
}

export interface MaintenanceTime {
  readonly nowMs: number
  /** True if this alarm checks the age of records. */
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
