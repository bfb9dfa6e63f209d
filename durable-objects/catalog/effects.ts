/** Carries out the effects of statements: calls of the coordinator and of applications. Each can be repeated. */
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import type { CatalogEffect } from '../../src/core/sql/catalog/catalog-api.ts'
import { type CatalogState, rowOf } from '../../src/core/sql/catalog/catalog-state.ts'
import { applicationNameOf } from '../../src/core/sql/plan/application-name.ts'
import { queryProgram } from '../../src/core/sql/plan/query-program.ts'
import type { ApplicationApi } from '../../src/core/streams/application-api.ts'
import { COORDINATOR_OBJECT_NAME, type CoordinatorApi } from '../../src/core/topic/topic.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

export interface EffectsEnv {
  readonly COORDINATOR: DurableObjectNamespace<
    Rpc.DurableObjectBranded & Pick<CoordinatorApi, 'createTopic' | 'deleteTopic'>
  >
  readonly APPLICATION: DurableObjectNamespace<
    Rpc.DurableObjectBranded & Pick<ApplicationApi, 'deploy' | 'pause' | 'resume' | 'remove'>
  >
}

/**
 * Carries out one effect.
 *
 * @throws {EdgelogError} if it did not take effect, or the response was lost.
 */
export async function carryOut(
  env: EffectsEnv,
  effect: CatalogEffect,
  { queries }: CatalogState,
): Promise<void> {
  const coordinator = () => env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
  if (effect.kind === 'create-topic') {
    const { partitions, overrides } = effect
    const name = parseTopicName(effect.name)
    const created = coordinator().createTopic({ name, partitions, overrides })
    return await done(created, 'topic_already_exists')
  }
  if (effect.kind === 'delete-topic') {
    const deleted = coordinator().deleteTopic(parseTopicName(effect.name))
    return await done(deleted, 'unknown_topic_or_partition')
  }
  const { id } = effect
  const application = env.APPLICATION.getByName(applicationNameOf(id))
  if (effect.kind === 'stop') return await done(application.remove(), 'not_found')
  // A query that was terminated in the meantime has an effect of its own that stops it.
  const query = rowOf(queries, id)
  if (query === undefined) return
  if (effect.kind !== 'deploy') return await done(application[effect.kind]())
  const summary = await result(
    application.deploy({ program: queryProgram(query), from: effect.from }),
  )
  const { status, error } = unwrap(summary)
  if (status !== 'starting') return
  throw new EdgelogError('unavailable', `query ${id}: is starting${error ? `: ${error}` : ''}`)
}

/** @param allowed The error that says that the effect was carried out before. */
async function done<T>(call: Promise<Result<T>>, allowed?: string): Promise<void> {
  const found = await result(call)
  if (!('error' in found) || found.error.code !== allowed) unwrap(found)
}

/** Waits for a call. If the response is lost, its effect is unknown, and it is repeated. */
async function result<T>(call: Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await call
  } catch (cause) {
    throw new EdgelogError('unavailable', 'the log did not respond', { cause })
  }
}
