/**
 * Decides when the generations of an upgrade are swapped. No result is lost and none is in a sink twice, because both
 * stop at the same records: the old generation has written all results of those below the cut, and the candidate, muted
 * until then, writes those of all others.
 *
 *     catching-up ──near──> holding ──positions──> draining ──both at the cut──> swapped
 *          ^                   │ too slow, or a task failed │
 *          └───────────────────┴────────────────────────────┘
 */
import type { UpgradeStep } from './application-api.ts'
import type { ApplicationState, Cut, Upgrade } from './application-state.ts'
import {
  UPGRADE_DISTANCE_RECORDS_MAX,
  UPGRADE_HOLD_MS_MAX,
  UPGRADE_RETRY_MS_MAX,
  UPGRADE_RETRY_MS_MIN,
} from './limits.ts'
import type { TaskProgress } from './task-api.ts'

/** The tasks of both generations, as they were at some time between two moments. */
export interface UpgradeProgress {
  readonly running: readonly TaskProgress[]
  readonly candidate: readonly TaskProgress[]
}

/** Both generations, seen twice: all tasks a second time after all were seen once. */
export type TwoLooks = readonly [UpgradeProgress, UpgradeProgress]

/**
 * Returns the state to go on with. If its version is another one, tasks get new assignments; if not, the upgrade waits.
 *
 * @param looks The reason, as a text, if the tasks could not be seen.
 */
export function decideUpgrade(
  state: ApplicationState,
  looks: TwoLooks | string,
  nowMs: number,
): ApplicationState {
  const { upgrade } = state
  if (upgrade === undefined) return state
  const isLate = nowMs - upgrade.sinceMs > UPGRADE_HOLD_MS_MAX
  if (typeof looks === 'string') {
    if (upgrade.step !== 'catching-up' && isLate) return givenUp(state, upgrade, looks, nowMs)
    return noted(state, upgrade, looks)
  }
  const [before, now] = looks
  const why = obstacle(now)
  if (upgrade.step === 'catching-up') {
    const error = why ?? misfit(now)
    if (error !== undefined) return noted(state, upgrade, error)
    // The reason of the last attempt stays until the next one is due.
    if (nowMs < upgrade.sinceMs + retryMs(upgrade)) return state
    return isNear(now) ? withStep(state, upgrade, 'holding', nowMs) : noted(state, upgrade)
  }
  if (why !== undefined) return givenUp(state, upgrade, why, nowMs)
  if (upgrade.step === 'holding' && isHeld(now, state)) {
    return withStep({ ...state, cut: cutOf(now) }, upgrade, 'draining', nowMs)
  }
  if (upgrade.step === 'draining' && isDone(before, now, state)) return withSwap(state, upgrade)
  if (!isLate) return state
  const late = `not all tasks came to the cut within ${UPGRADE_HOLD_MS_MAX / 1_000} s`
  return givenUp(state, upgrade, `${late}; it is tried again`, nowMs)
}

// -- what both generations are -------------------------------------------------------------------

/** Returns why the generations cannot be swapped now: a task that has failed, or that waits. */
function obstacle({ running, candidate }: UpgradeProgress): string | undefined {
  for (const [name, tasks] of [['new', candidate] as const, ['running', running] as const]) {
    for (const { sub, partition, status, error } of tasks) {
      if (status === 'waiting') {
        return `task ${sub}_${partition} of the ${name} generation: waits for a Worker that has its topology`
      }
      if (status !== 'failed') continue
      const what = error === undefined ? 'has failed' : `${error.node}: ${error.message}`
      return `task ${sub}_${partition} of the ${name} generation: ${what}`
    }
  }
  return undefined
}

/** Returns why the candidate does not read what the running generation reads. */
function misfit({ running, candidate }: UpgradeProgress): string | undefined {
  const [old, fresh] = [positionsOf(running), positionsOf(candidate)]
  const topics = new Set([...old.values()].map(({ topic }) => topic))
  for (const [name, { topic }] of fresh) {
    if (!topics.has(topic) || old.has(name)) continue
    return `${name}: the running generation does not read it; its records would be lost`
  }
  return undefined
}

interface SourcePosition {
  readonly topic: string
  readonly lowest: number
  readonly highest: number
  readonly endOffset: number
}

/** Returns the positions in source partitions. More than one task, or node, may read one. */
function positionsOf(tasks: readonly TaskProgress[]): Map<string, SourcePosition> {
  const positions = new Map<string, SourcePosition>()
  for (const { topic, partition, offset, endOffset, isInternal } of tasks.flatMap(inputsOf)) {
    if (isInternal) continue
    const name = `${topic}/${partition}`
    const { lowest = offset, highest = offset } = positions.get(name) ?? {}
    positions.set(name, {
      ...{ topic, endOffset },
      lowest: Math.min(lowest, offset),
      highest: Math.max(highest, offset),
    })
  }
  return positions
}

function inputsOf({ inputs }: TaskProgress): TaskProgress['inputs'] {
  return inputs
}

/** Returns whether few records are between the generations, and in their internal topics. */
function isNear({ running, candidate }: UpgradeProgress): boolean {
  const [old, fresh] = [positionsOf(running), positionsOf(candidate)]
  let distance = 0
  for (const { offset, endOffset, isInternal } of [...running, ...candidate].flatMap(inputsOf)) {
    if (isInternal) distance += endOffset - offset
  }
  for (const [name, { lowest, highest, endOffset }] of fresh) {
    const other = old.get(name)
    // A topic that only the candidate reads: it is to be read to its end.
    const far = other === undefined ? endOffset : Math.max(highest, other.highest)
    distance += far - Math.min(lowest, other?.lowest ?? lowest)
  }
  return distance <= UPGRADE_DISTANCE_RECORDS_MAX
}

/** Returns whether all tasks stand still: their positions stay what they are. */
function isHeld({ running, candidate }: UpgradeProgress, { version }: ApplicationState): boolean {
  return [...running, ...candidate].every(
    (task) => task.status === 'paused' && task.version === version,
  )
}

/** Returns the highest positions: the lowest cut that is above all that was processed. */
function cutOf({ running, candidate }: UpgradeProgress): Cut {
  const cut: Record<string, number> = {}
  for (const [name, { highest }] of [...positionsOf(running), ...positionsOf(candidate)]) {
    cut[name] = Math.max(cut[name] ?? 0, highest)
  }
  return cut
}

/** Returns whether both generations have done all that they can do before the cut. */
function isDone(
  before: UpgradeProgress,
  now: UpgradeProgress,
  { version, cut = {} }: ApplicationState,
): boolean {
  const isCurrent = [...now.running, ...now.candidate].every((task) => task.version === version)
  return (
    isCurrent &&
    isQuiet(before.running, now.running, cut) &&
    isQuiet(before.candidate, now.candidate, cut)
  )
}

/**
 * Returns whether a generation has done all that it can do before the cut. One look at each task is not enough: a task
 * that was seen first may get records of one that was seen later. If no task made a turn between two looks, then
 * between them all of them had nothing to do.
 */
function isQuiet(before: readonly TaskProgress[], now: readonly TaskProgress[], cut: Cut): boolean {
  return now.every((task, index) => {
    const earlier = before[index]
    if (task.pendingTurns > 0 || task.recordsCount !== earlier?.recordsCount) return false
    return task.inputs.every(({ topic, partition, offset, endOffset, isInternal }) =>
      isInternal ? offset >= endOffset : offset >= (cut[`${topic}/${partition}`] ?? 0),
    )
  })
}

// -- changes of the state ------------------------------------------------------------------------

function withStep(
  state: ApplicationState,
  { error: _, ...upgrade }: Upgrade,
  step: UpgradeStep,
  sinceMs: number,
): ApplicationState {
  return { ...state, version: state.version + 1, upgrade: { ...upgrade, step, sinceMs } }
}

/** The old generation is deleted before anything else, and the tasks of the new one stay at the cut until then. */
function withSwap(state: ApplicationState, upgrade: Upgrade): ApplicationState {
  const { upgrade: _, placed, error: __, ...rest } = state
  const { topology, subs, generation } = upgrade
  return {
    ...rest,
    ...{ topology, subs, generation, version: state.version + 1 },
    ...(upgrade.placed === undefined ? {} : { placed: upgrade.placed }),
    retired: placed === undefined ? state.retired : [...state.retired, placed],
  }
}

/** Lets both generations go on, and tries again later. */
function givenUp(
  state: ApplicationState,
  upgrade: Upgrade,
  error: string,
  nowMs: number,
): ApplicationState {
  const { cut: _, ...rest } = state
  const attempts = upgrade.attempts + 1
  const after = withStep(rest, { ...upgrade, attempts }, 'catching-up', nowMs)
  return noted(after, after.upgrade as Upgrade, error)
}

/** Returns the state with the reason why the upgrade does not go on, or without one. */
function noted(state: ApplicationState, upgrade: Upgrade, error?: string): ApplicationState {
  if (upgrade.error === error) return state
  const { error: _, ...rest } = upgrade
  return { ...state, upgrade: error === undefined ? rest : { ...rest, error } }
}

function retryMs({ attempts }: Upgrade): number {
  if (attempts === 0) return 0
  return Math.min(UPGRADE_RETRY_MS_MIN * 2 ** (attempts - 1), UPGRADE_RETRY_MS_MAX)
}
