/**
 * Keeps the followed topics in sync with the log: runs the machine of sync-state.ts against
 * the network, the page and the clock, and passes frames to a sink that stores them.
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { Timer } from '../../clock.ts'
import type { Connection } from '../../http/connection.ts'
import { retryAfterMsOf } from '../../http/request-error.ts'
import type { WebSocketConstructor } from '../../http/web-socket.ts'
import { LONG_POLL_WAIT_MS, TAIL_OPEN_TIMEOUT_MS } from '../../limits.ts'
import { Link } from './link.ts'
import { openTransport } from './open-transport.ts'
import type { PageEvents } from './page-events.ts'
import { Pauses } from './pauses.ts'
import type { Followed, LastError, SyncSink, SyncStatus } from './sync-sink.ts'
import { type EventType, initialSync, rest, type Step, type SyncEvent, step } from './sync-state.ts'
import type { OpenTransport, Subscription, TransportName } from './transport.ts'

export type { Followed, LastError, SyncSink, SyncStatus } from './sync-sink.ts'

interface SyncContext {
  readonly connection: Connection
  readonly page: PageEvents
  /** Undefined: not available. */
  readonly WebSocket: WebSocketConstructor | undefined
}

export interface SyncOptions {
  /** Best first; all of them by default. */
  readonly transports?: readonly TransportName[] | undefined
  /** For tests: replaces the real transports. */
  readonly open?: OpenTransport
}

const ALL: readonly TransportName[] = ['websocket', 'sse', 'long-poll']
/** Key of the pause after `subscriptions` itself failed. */
const LIST = ''

export class Sync {
  readonly #context: SyncContext
  readonly #sink: SyncSink
  readonly #open: OpenTransport
  readonly #transports: readonly TransportName[]
  readonly #pauses: Pauses
  #machine = initialSync(ALL)
  #link: Link | undefined
  #timer: Timer
  #unlisten: (() => void) | undefined
  /** Resolves when the frames that have arrived are stored. */
  #stored: Promise<void> = Promise.resolve()
  #isListing = false
  #isListOld = false
  #lastError: LastError | null = null
  #status: SyncStatus = { link: 'idle', transport: null, lastError: null }

  constructor(context: SyncContext, sink: SyncSink, options: SyncOptions = {}) {
    const { connection, WebSocket } = context
    const { transports = ALL, open = openTransport(connection, WebSocket) } = options
    this.#context = context
    this.#sink = sink
    this.#open = open
    const usable = transports.filter((name) => name !== 'websocket' || WebSocket !== undefined)
    this.#transports = usable.length > 0 ? usable : ['long-poll']
    this.#pauses = new Pauses(connection.clock, connection.random, () => this.#refresh())
  }

  get status(): SyncStatus {
    return this.#status
  }

  /** Starts the sync; may be called again after `stop`. */
  start(): void {
    if (this.#unlisten !== undefined) return
    this.#machine = initialSync(this.#transports)
    this.#unlisten = this.#context.page.listen((event) => {
      if (event === 'pageshow' || event === 'resume') this.wake()
      else if (event !== 'pagehide' && event !== 'freeze') this.#dispatch(event)
    })
    this.#refresh()
  }

  stop(): void {
    this.#unlisten?.()
    this.#unlisten = undefined
    this.#pauses.clear()
    this.#dispatch('stop')
  }

  /** Reports that the sink's subscriptions have changed. */
  changed(): void {
    // In other states they are read for the next connection.
    if (this.#link !== undefined || this.#machine.state === 'idle') this.#refresh()
  }

  /** Reports that the connection's token has changed. */
  setToken(): void {
    this.#dispatch('token')
  }

  /** Shortens a wait, and checks the connection. */
  wake(): void {
    this.#dispatch('visible')
  }

  #dispatch(type: EventType, details: Partial<SyncEvent> = {}): void {
    const { connection, page } = this.#context
    const event = { type, isOnline: page.isOnline, ...details }
    this.#run(step(this.#machine, event, connection.clock.now(), connection.random))
  }

  #run({ context, effects }: Step): void {
    const { close, open, timerMs } = effects
    this.#machine = context
    if (close) {
      this.#link?.close()
      this.#link = undefined
    }
    if (timerMs !== undefined) this.#plan(timerMs)
    if (open !== undefined) {
      this.#link = this.#newLink(open)
      this.#refresh()
    }
    this.#notify()
  }

  #plan(delayMs: number | null): void {
    const { clock } = this.#context.connection
    clock.clearTimeout(this.#timer)
    if (delayMs === null) return
    this.#timer = clock.setTimeout(() => {
      // Without subscriptions nothing was sent, so the transport is not at fault.
      if (this.#link?.isOpen === false) this.#dispatch('error', { retryAfterMs: 0 })
      else this.#dispatch('timer')
    }, delayMs)
  }

  #newLink(name: TransportName): Link {
    const { connection } = this.#context
    const { token } = connection
    const isFirst = this.#machine.state === 'connecting'
    return new Link({
      sink: this.#sink,
      pauses: this.#pauses,
      now: () => connection.clock.now(),
      // The first response arrives at once, which distinguishes a blocked long poll from a waiting one.
      open: (listener) => this.#open(name, listener, isFirst ? 0 : LONG_POLL_WAIT_MS),
      onActivity: (type) => this.#dispatch(type),
      storing: (work) => {
        this.#stored = this.#stored.then(() => work)
      },
      closed: (subscription, error, before) => void this.#closed(subscription, error, before),
      failed: (error) => this.#fail(error, token, 0),
      ended: (error) => {
        if (error === undefined) this.#dispatch('closedByServer')
        else this.#fail(error, token)
      },
    })
  }

  async #closed(subscription: Subscription, error: EdgelogError, before: Promise<void>) {
    this.#note(error)
    this.#notify()
    await before
    if (this.#unlisten === undefined) return
    try {
      await this.#sink.closed(subscription, error)
    } catch (failure) {
      // The server ends it again if necessary.
      this.#note(failure)
    }
  }

  /** @param retryAfterMs default delay if the server gives none; undefined counts the failure against the transport */
  #fail(error: unknown, token: string | undefined, retryAfterMs?: number): void {
    const { code } = this.#note(error)
    const isRejected = code === 'unauthorized' || code === 'forbidden'
    const isAuth = isRejected && token === this.#context.connection.token
    const isExcused = isRejected && !isAuth
    const askedMs = retryAfterMsOf(error) || (isExcused ? 0 : retryAfterMs)
    this.#dispatch('error', { isAuth, retryAfterMs: askedMs })
  }

  #note(error: unknown): LastError {
    const code = error instanceof EdgelogError ? error.code : 'internal'
    const message = error instanceof Error ? error.message : String(error)
    this.#lastError = { code, message, atMs: this.#context.connection.clock.now() }
    return this.#lastError
  }

  #notify(): void {
    const { state: link, transports, index } = this.#machine
    const isConnected = link === 'connecting' || link === 'catchingUp' || link === 'live'
    const transport = (isConnected && transports[index]) || null
    const lastError = this.#lastError
    const previous = this.#status
    if (
      link === previous.link &&
      transport === previous.transport &&
      lastError === previous.lastError
    )
      return
    this.#status = { link, transport, lastError }
    this.#sink.changed(this.#status)
  }

  /** Reads the subscriptions; once more if they change meanwhile. */
  #refresh(): void {
    this.#isListOld = true
    if (!this.#isListing) void this.#list()
  }

  async #list(): Promise<void> {
    this.#isListing = true
    while (this.#isListOld && this.#unlisten !== undefined) {
      this.#isListOld = false
      const { token } = this.#context.connection
      try {
        await this.#stored
        const wanted = await this.#sink.subscriptions()
        this.#pauses.end(LIST)
        this.#follow(wanted)
      } catch (error) {
        this.#listRefused(error, token)
      }
    }
    this.#isListing = false
  }

  #follow(wanted: readonly Followed[]): void {
    if (this.#unlisten === undefined) return
    if (wanted.length > 0) this.#begin()
    const link = this.#link
    const wasOpen = link?.isOpen
    const outcome = wanted.length > 0 ? link?.follow(wanted) : 'nothing'
    if (outcome === 'nothing') this.#run(rest(this.#machine, 'idle'))
    else if (outcome === 'reopen') this.#dispatch('start')
    else if (wasOpen === false && this.#machine.state === 'connecting') {
      this.#plan(TAIL_OPEN_TIMEOUT_MS)
    }
  }

  /** Connects with the list that was just read. */
  #begin(): void {
    const isListOld = this.#isListOld
    if (this.#machine.state === 'idle') this.#dispatch('start')
    this.#isListOld = isListOld
  }

  #listRefused(error: unknown, token: string | undefined): void {
    if (this.#unlisten === undefined) return
    if (this.#link?.isOpen) {
      // The current subscriptions continue.
      this.#note(error)
      this.#pauses.begin(LIST)
      this.#notify()
    } else {
      this.#begin()
      this.#fail(error, token, 0)
    }
  }
}
