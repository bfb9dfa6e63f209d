/** The state machine of the sync: its documented table, its delays, and its invariants after any events. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type EventType,
  initialSync,
  type State,
  type Step,
  type SyncEvent,
  type SyncMachine,
  step,
} from '../../../client/browser/sync/sync-state.ts'
import type { TransportName } from '../../../client/browser/sync/transport.ts'
import { runs, SEEDED } from '../../support/seed.ts'

const ALL: readonly TransportName[] = ['websocket', 'sse', 'long-poll']
const START_MS = 1_700_000_000_000

const PATHS: Readonly<Record<State, readonly EventType[]>> = {
  idle: [],
  offline: ['start', 'offline'],
  connecting: ['start'],
  catchingUp: ['start', 'opened'],
  live: ['start', 'upToDate'],
  backingOff: ['start', 'error'],
  authNeeded: ['start', 'error'],
  closed: ['stop'],
}

const EVENTS: readonly EventType[] = [
  'start',
  'opened',
  'data',
  'upToDate',
  'ping',
  'closedByServer',
  'error',
  'online',
  'offline',
  'visible',
  'hidden',
  'timer',
  'token',
  'stop',
]

const half = () => 0.5

function happen(
  machine: SyncMachine,
  type: EventType,
  nowMs: number,
  details: Partial<SyncEvent> = {},
): Step {
  return step(machine, { type, isOnline: true, ...details }, nowMs, half)
}

/** Returns a machine in a state, reached by events that all happened at `START_MS`. */
function machineIn(state: State): SyncMachine {
  let machine = initialSync(ALL)
  for (const type of PATHS[state]) {
    machine = happen(machine, type, START_MS, { isAuth: state === 'authNeeded' }).context
  }
  expect(machine.state).toBe(state)
  return machine
}

/** Meaning of the table's cells, 35 s after the state was reached. */
const MEANINGS: Readonly<Record<string, (before: SyncMachine, type: EventType) => void>> = {
  '-': (before, type) => {
    expect(happen(before, type, later)).toEqual({ context: before, effects: {} })
  },
  open: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'connecting', isOpen: true })
    expect(effects).toEqual({ close: false, open: 'websocket', timerMs: 10_000 })
  },
  reopen: (before, type) => {
    const { context, effects } = happen(before, type, later)
    const isUp = before.state !== 'connecting'
    expect(context).toMatchObject({ state: isUp ? 'catchingUp' : 'connecting', isOpen: true })
    expect(effects).toMatchObject({ close: true, open: 'websocket' })
  },
  again: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: before.state, isOpen: true })
    expect(effects).toEqual({ close: true, open: 'websocket', timerMs: 40_000 })
    // Without progress one connection per second; after progress at once.
    const early = happen(before, type, START_MS + 400)
    expect(early.context).toMatchObject({ state: before.state, isOpen: false })
    expect(early.effects).toEqual({ close: true, timerMs: 600 })
    const { context: fed } = happen(before, 'data', START_MS + 100)
    expect(happen(fed, type, START_MS + 400).effects.open).toBe('websocket')
  },
  alive: (before, type) => {
    const context = { ...before, lastMessageAtMs: later }
    expect(happen(before, type, later)).toEqual({ context, effects: {} })
  },
  progress: (before, type) => {
    const context = { ...before, lastMessageAtMs: later, notBeforeMs: 0 }
    expect(happen(before, type, later)).toEqual({ context, effects: {} })
  },
  catchingUp: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'catchingUp', lastMessageAtMs: later, isOpen: true })
    expect(effects).toEqual(before.state === 'connecting' ? { timerMs: 40_000 } : {})
  },
  live: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'live', lastMessageAtMs: later, isOpen: true })
    expect(effects).toEqual(before.state === 'connecting' ? { timerMs: 40_000 } : {})
  },
  failed: (before, type) => {
    const { context, effects } = happen(before, type, later)
    const failedAttempts = before.state === 'connecting' ? 1 : 0
    expect(context).toMatchObject({ state: 'backingOff', attempts: 1, failedAttempts, index: 0 })
    expect(effects).toEqual({ close: true, timerMs: 250 })
    const refused = happen(before, type, later, { isAuth: true })
    expect(refused.context.state).toBe('authNeeded')
    expect(refused.effects).toEqual({ close: true, timerMs: 300_000 })
  },
  mute: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'backingOff', attempts: 1, failedAttempts: 0, index: 1 })
    expect(effects).toEqual({ close: true, timerMs: 250 })
    // Not counted against the transport after the machine slept.
    const slept = happen(before, type, START_MS + 600_000).context
    expect(slept).toMatchObject({ state: 'backingOff', failedAttempts: 0, index: 0 })
  },
  soon: (before, type) => {
    const { context, effects } = happen(before, type, START_MS + 250)
    expect(context).toMatchObject({ state: 'backingOff', isOpen: false })
    // At the earliest a second after the previous connection.
    expect(effects).toEqual({ close: false, timerMs: 750 })
  },
  check: (before, type) => {
    expect(happen(before, type, START_MS + 29_999)).toEqual({ context: before, effects: {} })
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'backingOff', isOpen: false })
    expect(effects).toEqual({ close: true, timerMs: 500 })
  },
  offline: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'offline', isOpen: false })
    expect(effects).toEqual({ close: before.isOpen, timerMs: 30_000 })
  },
  recheck: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'backingOff', isOpen: false })
    expect(effects).toEqual({ close: false, timerMs: 500 })
    const still = happen(before, type, later, { isOnline: false })
    expect(still.context.state).toBe('offline')
    expect(still.effects.timerMs).toBe(30_000)
  },
  watch: (before, type) => {
    expect(happen(before, type, later)).toEqual({ context: before, effects: { timerMs: 5_000 } })
    for (const nowMs of [START_MS + 40_000, START_MS - 1]) {
      expect(happen(before, type, nowMs).context).toMatchObject({ state: 'backingOff' })
    }
  },
  closed: (before, type) => {
    const { context, effects } = happen(before, type, later)
    expect(context).toMatchObject({ state: 'closed', isOpen: false })
    expect(effects).toEqual({ close: before.isOpen, timerMs: null })
  },
}
const later = START_MS + 35_000

function writtenCells(): [EventType, State, string][] {
  const path = join(import.meta.dirname, '../../../client/browser/sync/sync-state.ts')
  const source = readFileSync(path, 'utf8')
  const rows = [...source.matchAll(/^ \* {3}(.*)$/gm)].map(([, row = '']) => row.trim().split(/ +/))
  const [states = [], ...lines] = rows.filter((row) => row.length > 6)
  return lines.flatMap(([event = '', ...cells]) =>
    cells.map((cell, index): [EventType, State, string] => [
      event as EventType,
      states[index] as State,
      cell,
    ]),
  )
}

describe('the table', () => {
  const cells = writtenCells()

  test('has a row for every event, and a column for every state except closed', () => {
    const written = cells.map(([event, state]) => `${state} ${event}`)
    const wanted = Object.keys(PATHS)
      .filter((state) => state !== 'closed')
      .flatMap((state) => EVENTS.map((event) => `${state} ${event}`))
    expect(written.toSorted()).toEqual(wanted.toSorted())
  })

  test.each(cells)('%s in %s: %s', (event, state, cell) => {
    MEANINGS[cell]?.(machineIn(state), event)
    expect(Object.keys(MEANINGS)).toContain(cell)
  })

  test.each(EVENTS)('%s in closed: -', (event) => {
    MEANINGS['-']?.(machineIn('closed'), event)
  })
})

describe('a failure', () => {
  test('is followed by a pause with full jitter: from 0.5 s, doubling up to 30 s', () => {
    for (const random of [() => 0, () => 0.999_999]) {
      let machine = machineIn('connecting')
      for (let attempt = 1; attempt <= 12; attempt++) {
        const nowMs = START_MS + attempt * 100_000
        const failed = step(machine, { type: 'error', isOnline: true }, nowMs, random)
        const boundMs = Math.min(30_000, 500 * 2 ** (attempt - 1))
        const { timerMs = 0, open } = failed.effects
        if (random() === 0) expect(open).toBeDefined()
        else expect(timerMs).toBeGreaterThan(boundMs * 0.99)
        if (open === undefined) expect(timerMs).toBeLessThan(boundMs)
        const opened = step(
          failed.context,
          { type: 'timer', isOnline: true },
          nowMs + 40_000,
          random,
        )
        machine = open === undefined ? opened.context : failed.context
        expect(machine.state).toBe('connecting')
      }
    }
  })

  test('is reset after 10 s of health, and not before', () => {
    let machine: SyncMachine = { ...machineIn('connecting'), attempts: 7 }
    machine = happen(machine, 'opened', START_MS + 1_000).context
    expect(happen(machine, 'error', START_MS + 10_999).context.attempts).toBe(8)
    expect(happen(machine, 'error', START_MS + 11_000).context.attempts).toBe(1)
  })

  test('causes a wait as long as the server requests, whatever events arrive', () => {
    const machine = machineIn('connecting')
    const { context, effects } = happen(machine, 'error', START_MS, { retryAfterMs: 20_000 })
    expect(effects.timerMs).toBe(20_000)
    expect(context).toMatchObject({ failedAttempts: 0, index: 0 })
    const woken = happen(context, 'online', START_MS + 5_000)
    expect(woken.effects.timerMs).toBe(15_000)
    expect(happen(context, 'token', START_MS + 5_000).effects.timerMs).toBe(15_000)
  })

  test('causes no longer wait because the clock was set back', () => {
    const machine = machineIn('live')
    const beforeMs = START_MS - 3_600_000
    const again = happen(machine, 'closedByServer', beforeMs)
    expect(again.effects.timerMs).toBe(1_000)
    // Nor a shorter one than the server requests.
    const asked = happen(machine, 'error', beforeMs, { retryAfterMs: 20_000 })
    expect(asked.effects.timerMs).toBe(20_000)
    const woken = happen(asked.context, 'online', beforeMs - 3_600_000)
    expect(woken.effects.timerMs).toBe(20_000)
  })

  test('causes no longer wait because of an event', () => {
    const { context } = happen({ ...machineIn('connecting'), attempts: 9 }, 'error', START_MS)
    expect(context.dueAtMs).toBe(START_MS + 15_000)
    expect(happen(context, 'visible', START_MS + 2_000).effects.timerMs).toBe(500)
    expect(happen(context, 'visible', START_MS + 14_900).effects.timerMs).toBe(100)
  })
})

describe('a transport', () => {
  function fail(machine: SyncMachine, nowMs: number): SyncMachine {
    const failed = happen(machine, 'error', nowMs).context
    return failed.isOpen ? failed : happen(failed, 'timer', nowMs + 30_000).context
  }

  test('is replaced after two connections without data, in a circle', () => {
    let machine = machineIn('connecting')
    const indexes: number[] = []
    for (let round = 0; round < 7; round++) {
      indexes.push(machine.index)
      machine = fail(machine, START_MS + round * 100_000)
    }
    expect(indexes).toEqual([0, 0, 1, 1, 2, 2, 0])
  })

  test('is never replaced because of a connection that delivered data', () => {
    let machine = machineIn('connecting')
    for (let round = 1; round < 20; round++) {
      const nowMs = START_MS + round * 100_000
      machine = fail(happen(machine, 'ping', nowMs).context, nowMs + 20)
      expect(machine).toMatchObject({ index: 0, failedAttempts: 0 })
    }
    const struck = { ...machine, failedAttempts: 1 }
    expect(happen(struck, 'ping', START_MS + 3_000_000).context.failedAttempts).toBe(0)
  })

  test('that is worse is interrupted by a probe of the better ones every 5 minutes', () => {
    let machine: SyncMachine = { ...machineIn('connecting'), index: 2, downgradedAtMs: START_MS }
    machine = happen(machine, 'upToDate', START_MS).context
    for (let atMs = START_MS; atMs < START_MS + 290_000; atMs += 10_000) {
      machine = happen(machine, 'ping', atMs).context
      expect(happen(machine, 'timer', atMs + 1).context.state).toBe('live')
    }
    const probing = happen(machine, 'timer', START_MS + 300_000)
    expect(probing.effects).toMatchObject({ close: true, open: 'websocket' })
    // One failure each, without back-off.
    const second = happen(probing.context, 'timer', START_MS + 310_000)
    expect(second.effects).toMatchObject({ open: 'sse' })
    const back = happen(second.context, 'error', START_MS + 310_100)
    expect(back.effects.timerMs).toBe(900)
    const last = happen(back.context, 'timer', START_MS + 311_000)
    expect(last.effects.open).toBe('long-poll')
    expect(last.context).toMatchObject({ fallback: 0, attempts: 0, failedAttempts: 0 })
    const won = happen(probing.context, 'opened', START_MS + 301_000).context
    expect(won).toMatchObject({ index: 0, fallback: 0, failedAttempts: 0 })
  })

  test('has no failures after the network was away', () => {
    const machine = { ...machineIn('connecting'), index: 1, failedAttempts: 1 }
    expect(happen(machine, 'offline', START_MS).context).toMatchObject({
      index: 0,
      failedAttempts: 0,
    })
  })
})

/**
 * Question: can the machine wait for ever, or loop, after any events at any times?
 * Contract: it has a timer in all states except idle and closed, and a connection if its state
 * requires one; it never opens one over another; two openings less than a second apart have
 * data between them; a pause is at most a minute; after `stop` it is closed and does nothing.
 * Generated: up to 200 events of all kinds, with time between them in which the
 * timer fires on time, or far too late. Limits: the clock does not go back.
 */
interface Happening extends SyncEvent {
  readonly afterMs: number
  readonly isAsleep: boolean
  readonly random: number
}

const happening: fc.Arbitrary<Happening> = fc.record({
  type: fc.constantFrom(...EVENTS.filter((type) => type !== 'timer' && type !== 'stop')),
  afterMs: fc.constantFrom(0, 1, 50, 400, 999, 1_000, 5_000, 12_000, 60_000, 400_000),
  isAsleep: fc.boolean(),
  isOnline: fc.boolean(),
  isAuth: fc.constantFrom(false, false, false, true),
  retryAfterMs: fc.constantFrom(undefined, undefined, 0, 3_000, 60_000),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
})

class Runner {
  machine = initialSync(ALL)
  nowMs = START_MS
  timerAtMs: number | undefined
  isOpen = false
  lastOpenMs = Number.NEGATIVE_INFINITY
  hasData = false

  apply(event: SyncEvent, random: number): void {
    const before = this.machine.state
    const { context, effects } = step(this.machine, event, this.nowMs, () => random)
    const { close = false, open, timerMs } = effects
    this.machine = context
    if (close) {
      expect(this.isOpen).toBe(true)
      this.isOpen = false
    }
    const wasUp = before === 'connecting' || before === 'catchingUp' || before === 'live'
    if (event.type === 'data' && wasUp) this.hasData = true
    if (open !== undefined) {
      expect(this.isOpen).toBe(false)
      if (!this.hasData) expect(this.nowMs - this.lastOpenMs).toBeGreaterThanOrEqual(1_000)
      expect(ALL).toContain(open)
      this.isOpen = true
      this.lastOpenMs = this.nowMs
      this.hasData = false
    }
    if (timerMs === null) this.timerAtMs = undefined
    else if (timerMs !== undefined) {
      expect(timerMs).toBeGreaterThan(0)
      expect(timerMs).toBeLessThanOrEqual(context.state === 'authNeeded' ? 300_000 : 60_000)
      this.timerAtMs = this.nowMs + timerMs
    }
    this.check()
  }

  check(): void {
    const { state, isOpen } = this.machine
    const isQuiet = state === 'idle' || state === 'closed'
    expect(isOpen).toBe(this.isOpen)
    expect(this.timerAtMs === undefined).toBe(isQuiet)
    if (state === 'connecting') expect(isOpen).toBe(true)
    if (isQuiet || state === 'offline' || state === 'backingOff' || state === 'authNeeded') {
      expect(isOpen).toBe(false)
    }
  }

  pass({ afterMs, isAsleep, isOnline, random }: Happening): void {
    const untilMs = this.nowMs + afterMs
    if (isAsleep) this.nowMs = untilMs
    for (let rings = 0; this.timerAtMs !== undefined && this.timerAtMs <= untilMs; rings++) {
      expect(rings).toBeLessThan(1_000)
      this.nowMs = Math.max(this.nowMs, this.timerAtMs)
      this.timerAtMs = undefined
      this.apply({ type: 'timer', isOnline }, random)
    }
    this.nowMs = untilMs
  }
}

test('the machine always has a next step, and never loops', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
      const runner = new Runner()
      for (const each of happenings) {
        runner.pass(each)
        runner.apply(each, each.random)
      }
      runner.apply({ type: 'stop', isOnline: true }, 0)
      expect(runner.machine.state).toBe('closed')
      for (const type of EVENTS) {
        const after = step(runner.machine, { type, isOnline: true }, runner.nowMs, half)
        expect(after).toEqual({ context: runner.machine, effects: {} })
      }
    }),
    { ...SEEDED, numRuns: runs(500) },
  )
})

test('a line too slow for a whole message gets another transport, unless it was up to date before', () => {
  const transportAfterSilence = (...before: EventType[]): TransportName | undefined => {
    let machine = initialSync(ALL)
    for (const type of before) machine = happen(machine, type, START_MS).context
    const silent = happen(machine, 'timer', START_MS + 41_000).context
    expect(silent.state).toBe('backingOff')
    return ALL[silent.index]
  }
  expect(transportAfterSilence('start', 'opened')).toBe('sse')
  expect(transportAfterSilence('start', 'opened', 'data')).toBe('websocket')
  expect(transportAfterSilence('start', 'opened', 'upToDate')).toBe('websocket')
})
