/** Runs the passes that compact a log, a bounded number of chunks per alarm. */

import { MAINTENANCE_TURNS_MAX, TABLE_FOLLOW_MS_MAX } from '../../src/core/limits.ts'
import {
  ALARM_CHUNKS_MAX,
  PASS_ERROR_RETRY_MS,
  PASS_RETRY_MS,
} from '../../src/core/log/compaction/limits.ts'
import { report } from '../../src/events/report.ts'
import { nextTurn } from '../next-turn.ts'
import { CompactionPass } from './compaction-pass.ts'
import type { PartitionLog } from './partition-log.ts'
import { returnPermit, takePermit } from './pass-permit.ts'

export class Compactor {
  /** The pass under way; it continues with the next alarm. */
  #pass: CompactionPass | undefined

  /**
   * Compacts the log if that is due.
   *
   * @param isCurrent returns whether `log` still is the partition's log
   * @returns when to call again without an append; Infinity: never
   */
  async run(log: PartitionLog, isCurrent: () => boolean): Promise<number> {
    try {
      for (let chunk = 0; chunk < ALARM_CHUNKS_MAX; chunk++) {
        const nowMs = Date.now()
        // The topic may have turned to another policy between two turns.
        if (!log.compaction.isEnabled) this.stop()
        if (this.#pass === undefined) {
          const isFollowed = await followLog(log)
          if (!isCurrent()) return Number.POSITIVE_INFINITY
          if (!isFollowed) return nowMs
          const decision = log.compaction.look(nowMs)
          if (decision.kind === 'wait') return decision.untilMs
          if (!takePermit(this, nowMs)) return nowMs + PASS_RETRY_MS
          this.#pass = new CompactionPass(log.compaction, decision.from, decision.to, nowMs)
        }
        if (!takePermit(this, nowMs)) {
          // Another log has it since this one had no turn for too long.
          this.stop()
          return nowMs + PASS_RETRY_MS
        }
        const hasMore = await this.#pass.step(isCurrent)
        if (!hasMore || !isCurrent()) this.stop()
        if (!hasMore) await mergeSmall(log, isCurrent)
        if (!isCurrent()) return Number.POSITIVE_INFINITY
      }
      return Date.now()
    } catch (error) {
      this.stop()
      const { topic, partition } = log.assignment
      report({ type: 'compaction_failed', topic, partition, error })
      return Date.now() + PASS_ERROR_RETRY_MS
    }
  }

  /** Forgets the pass under way. */
  stop(): void {
    this.#pass = undefined
    returnPermit(this)
  }
}

/** Lets the table follow, or removes one that is no longer enabled. Returns whether that is done. */
async function followLog({ table }: PartitionLog): Promise<boolean> {
  if (table.isEnabled) return await table.catchUp(Date.now() + TABLE_FOLLOW_MS_MAX)
  return !table.clear()
}

/** Merges what a pass left of chunks that were not small before. */
async function mergeSmall(log: PartitionLog, isCurrent: () => boolean): Promise<void> {
  for (let turn = 0; turn < MAINTENANCE_TURNS_MAX && isCurrent(); turn++) {
    if (!log.seal()) return
    await nextTurn()
  }
}
