/**
 * The Durable Object of the catalog of SQL. A thin shell: the Worker decides about a statement; the object stores its
 * changes together with its effects, if the statement was decided against the latest state, and then carries the
 * effects out. Its alarm goes on with those that failed.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Result, replyAsync, resultOf } from '../../src/core/errors.ts'
import type {
  CatalogApi,
  CatalogCommit,
  CatalogView,
  CommitResult,
  PendingEffect,
} from '../../src/core/sql/catalog/catalog-api.ts'
import { EMPTY_CATALOG } from '../../src/core/sql/catalog/catalog-state.ts'
import { nextEffect, targetsOf } from '../../src/core/sql/catalog/pending-effects.ts'
import {
  EFFECT_RETRY_MS_MAX,
  EFFECT_RETRY_MS_MIN,
  EFFECTS_WAIT_MS,
} from '../../src/core/sql/limits.ts'
import { report } from '../../src/events/report.ts'
import { hasTable, migrate } from '../migrate.ts'
import { ObjectAlarm } from '../object-alarm.ts'
import { stopObject } from '../stop-object.ts'
import { CatalogStore } from './catalog-store.ts'
import { carryOut, type EffectsEnv } from './effects.ts'
import { CATALOG_SCHEMA } from './schema.ts'

export class Catalog extends DurableObject<EffectsEnv> implements CatalogApi {
  readonly #alarm: ObjectAlarm
  /** Undefined until the first commit: reading an empty catalog stores nothing. */
  #store: CatalogStore | undefined
  /** One pass at a time. */
  #passing: Promise<void> | undefined
  #retryMs = EFFECT_RETRY_MS_MIN

  constructor(ctx: DurableObjectState, env: EffectsEnv) {
    super(ctx, env)
    this.#alarm = new ObjectAlarm(ctx.storage)
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load()
      if (!hasTable(ctx.storage.sql, 'setting')) return
      migrate(ctx.storage, CATALOG_SCHEMA)
      this.#store = new CatalogStore(ctx.storage)
    })
  }

  async read(knownSequence: number): Promise<Result<CatalogView>> {
    return resultOf(() => {
      const { state = EMPTY_CATALOG, pending = [] } = this.#store ?? {}
      const { sequence } = state
      return { sequence, pending, ...(sequence === knownSequence ? {} : { state }) }
    })
  }

  async commit({ sequence: against, ...commit }: CatalogCommit): Promise<Result<CommitResult>> {
    return replyAsync(async () => {
      const current = this.#store?.state.sequence ?? 0
      const isStored = this.#store?.commitId === commit.id && current === against + 1
      if (current !== against && !isStored) return { kind: 'conflict' }
      if (this.#store === undefined) {
        migrate(this.ctx.storage, CATALOG_SCHEMA)
        this.#store = new CatalogStore(this.ctx.storage)
      }
      const store = this.#store
      const sequence = isStored ? current : store.commit(commit)
      const ofCommit = (all: readonly PendingEffect[]) =>
        all.filter((one) => one.sequence === sequence)
      if (ofCommit(store.pending).length > 0) {
        this.#retryMs = EFFECT_RETRY_MS_MIN
        this.#alarm.ensure(Date.now() + this.#retryMs, Date.now())
        await this.#waitForEffects(sequence)
      }
      return { kind: 'committed', sequence, pending: ofCommit(store.pending) }
    })
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired()
    if ((this.#store?.pending ?? []).length === 0) return
    this.#retryMs = Math.min(2 * this.#retryMs, EFFECT_RETRY_MS_MAX)
    await this.#pass()
  }

  /** Waits until a pass that began with the effects of the statement has ended, or for a bounded time. */
  async #waitForEffects(sequence: number): Promise<void> {
    const isPending = () => this.#store?.pending.some((one) => one.sequence === sequence) === true
    const passes = async () => {
      // Effects of other statements that failed in a running pass may have held up these.
      await this.#passing
      if (isPending()) await this.#pass()
    }
    let timer: ReturnType<typeof setTimeout> | undefined
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, EFFECTS_WAIT_MS)
    })
    await Promise.race([passes(), timeout])
    clearTimeout(timer)
  }

  async #pass(): Promise<void> {
    this.#passing ??= this.#passOnce()
      .catch((error) => stopObject(this.ctx, 'catalog', 'carrying out a statement failed', error))
      .finally(() => {
        this.#passing = undefined
      })
    await this.#passing
  }

  /** Carries out each effect that can be, in order. */
  async #passOnce(): Promise<void> {
    const store = this.#store as CatalogStore
    const failed = new Set<string>()
    for (;;) {
      const next = nextEffect(store.pending, store.state.queries, failed)
      if (next === undefined) break
      const targets = targetsOf(next, store.state.queries)
      try {
        await carryOut(this.env, next.effect, store.state)
        store.done(next.number)
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        store.failed(next.number, error.message)
        report({ type: 'statement_pending', effect: shown(next), error: error.message })
        for (const target of targets) failed.add(target)
      }
    }
    if (store.pending.length === 0) return
    this.#alarm.ensure(Date.now() + this.#retryMs, Date.now())
  }
}

function shown({ effect }: PendingEffect): string {
  return `${effect.kind} ${'id' in effect ? effect.id : effect.name}`
}
