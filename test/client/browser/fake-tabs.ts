/** Tabs of one browser in one process: locks, a channel, and page events; tabs can be frozen. */
import type { BroadcastChannelConstructor } from '../../../client/browser/tabs/channel.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { Leader, type Locks } from '../../../client/browser/tabs/leader.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakePage } from './fake-page.ts'

type Port = InstanceType<BroadcastChannelConstructor>

interface Request {
  readonly isSteal: boolean
  readonly hold: () => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One name of `navigator.locks`, as in its specification. */
class FakeLocks implements Locks {
  #queue: Request[] = []
  #held: Request | undefined

  request(
    _name: string,
    { signal, steal = false }: { signal?: AbortSignal; steal?: boolean },
    hold: () => Promise<void>,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (steal && signal !== undefined) {
        reject(new DOMException('steal with signal', 'NotSupportedError'))
        return
      }
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const request = { isSteal: steal, hold, resolve, reject }
      signal?.addEventListener('abort', () => {
        if (!this.#queue.includes(request)) return
        this.#queue = this.#queue.filter((queued) => queued !== request)
        reject(signal.reason)
      })
      if (steal) {
        this.#held?.reject(new DOMException('stolen', 'AbortError'))
        this.#held = undefined
        this.#queue.unshift(request)
      } else this.#queue.push(request)
      this.#grant()
    })
  }

  get heldCount(): number {
    return this.#held === undefined ? 0 : 1
  }

  #grant(): void {
    if (this.#held !== undefined) return
    const next = this.#queue.shift()
    if (next === undefined) return
    this.#held = next
    const released = () => {
      if (this.#held !== next) return
      this.#held = undefined
      this.#grant()
    }
    queueMicrotask(() => {
      next.hold().then(next.resolve, next.reject).finally(released)
    })
  }
}

export class FakeBrowser {
  readonly locks = new FakeLocks()
  readonly ports = new Set<Port>()
  readonly tabs: FakeTab[] = []
  hasLocks = true
  hasChannel = true
  epoch = 0
  epochFailures = 0
  /** Awaited before an epoch is returned. */
  epochGate: Promise<void> | undefined

  open(): FakeTab {
    const tab = new FakeTab(this)
    this.tabs.push(tab)
    tab.leader.start()
    return tab
  }

  /** Running tabs that consider themselves leader. */
  get leaders(): FakeTab[] {
    return this.tabs.filter((tab) => !tab.isFrozen && tab.leader.epoch !== undefined)
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Advances the clocks of all tabs that are not frozen. */
  async pass(byMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < byMs; passedMs += 500) {
      for (const tab of this.tabs) if (!tab.isFrozen) tab.clock.advance(500)
      await this.settle()
    }
  }
}

export class FakeTab {
  readonly browser: FakeBrowser
  readonly clock = new ManualClock()
  readonly page = new FakePage()
  readonly leader: Leader
  readonly channel: Channel
  readonly log: string[] = []
  isFrozen = false
  #thaw: Array<() => void> = []

  constructor(browser: FakeBrowser) {
    this.browser = browser
    this.channel = new Channel('name', this.#channelOf(browser))
    if (!browser.hasChannel) this.channel.close()
    const context = {
      name: 'name',
      channel: this.channel,
      page: this.page,
      clock: this.clock,
      locks: browser.hasLocks ? this.#locksOf(browser.locks) : undefined,
    }
    this.leader = new Leader(context, {
      newEpoch: async () => {
        await browser.epochGate
        if (browser.epochFailures > 0) {
          browser.epochFailures -= 1
          throw new Error('no database')
        }
        browser.epoch += 1
        return browser.epoch
      },
      gained: (epoch) => this.log.push(`gained ${epoch}`),
      lost: () => this.log.push('lost'),
      status: () => ({ link: 'idle', transport: null, lastError: null }),
    })
  }

  /** Stops all timers, messages and promises of the tab, with or without a freeze event. */
  freeze(isTold: boolean): void {
    if (isTold) this.page.emit('freeze')
    this.isFrozen = true
  }

  thaw(isTold: boolean): void {
    this.isFrozen = false
    for (const work of this.#thaw.splice(0)) work()
    if (isTold) this.page.emit('resume')
  }

  close(): void {
    this.leader.close()
    this.channel.close()
  }

  #whenAwake(work: () => void): void {
    if (this.isFrozen) this.#thaw.push(work)
    else work()
  }

  #awake(): Promise<void> {
    return new Promise((resolve) => this.#whenAwake(resolve))
  }

  #locksOf(locks: FakeLocks): Locks {
    return {
      request: async (name, options, hold) => {
        try {
          await locks.request(name, options, async () => {
            await this.#awake()
            await hold()
          })
        } finally {
          await this.#awake()
        }
      },
    }
  }

  #channelOf({ ports }: FakeBrowser): BroadcastChannelConstructor {
    const whenAwake = (work: () => void) => this.#whenAwake(work)
    return class implements Port {
      onmessage: Port['onmessage'] = null

      constructor() {
        ports.add(this)
      }

      deliver(data: unknown): void {
        whenAwake(() => this.onmessage?.({ data }))
      }

      postMessage(message: unknown): void {
        const data = structuredClone(message)
        for (const port of ports) {
          const { deliver } = port as unknown as { deliver(data: unknown): void }
          if (port !== this) queueMicrotask(() => deliver.call(port, data))
        }
      }

      close(): void {
        this.onmessage = null
        ports.delete(this)
      }
    }
  }
}
