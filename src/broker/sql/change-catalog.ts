/** Statements that change the catalog, or write a record: decided here, stored by the catalog's object. */
import { CLUSTER, groupResource, topicResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import type {
  CatalogCommit,
  CatalogEffect,
  CommitResult,
} from '../../core/sql/catalog/catalog-api.ts'
import { changesBetween } from '../../core/sql/catalog/changes.ts'
import type { InsertedRecord } from '../../core/sql/catalog/insert-values.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { COMMIT_CALLS_MAX, COMMIT_TRIES_MAX } from '../../core/sql/limits.ts'
import { applicationNameOf } from '../../core/sql/plan/application-name.ts'
import { planDefinition } from '../../core/sql/plan/plan-definition.ts'
import { type ChangeStatement, execute } from '../../core/sql/statements/execute.ts'
import type { Effect, Outcome } from '../../core/sql/statements/outcome.ts'
import type {
  ResultOfStatement,
  StatusResult,
} from '../../core/sql/statements/statement-results.ts'
import { APPLICATIONS_MAX } from '../../core/streams/limits.ts'
import { countPartitions } from '../../core/streams/split.ts'
import { sourceTopics } from '../../core/streams/task-topics.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { Cluster } from '../cluster.ts'
import { produceRecords } from '../produce.ts'
import { type LatestCatalog, readCatalog } from './read-catalog.ts'
import { ENVIRONMENT, executeContext, type StatementContext } from './statement-context.ts'
import { FutureTopics, topicEffect } from './wanted-topics.ts'

export interface Changed {
  readonly result: ResultOfStatement
  readonly catalog: LatestCatalog
}

/**
 * Decides about a statement against the latest catalog, and stores what follows. If another statement was stored
 * first, it decides again.
 *
 * @param parse Parses the statement with the types of a catalog.
 * @throws {SqlError} for a statement that is refused. Nothing of it was carried out.
 */
export async function changeCatalog(
  context: StatementContext,
  text: string,
  parse: (catalog: LatestCatalog) => ChangeStatement,
): Promise<Changed> {
  let { catalog } = context
  for (let tries = 0; tries < COMMIT_TRIES_MAX; tries++) {
    const statement = parse(catalog)
    const outcome = execute(catalog.state, statement, text, executeContext(context.properties))
    const [produced] = outcome.effects
    if (produced?.kind === 'produce') {
      return { result: await produce(context, produced.record), catalog }
    }
    const committed = await commit(context, catalog, outcome)
    if (committed !== undefined) {
      return { result: statusOf(statement, outcome, committed), catalog: committed }
    }
    catalog = await readCatalog(context.cluster)
  }
  const why = 'other statements changed the catalog again and again; try again'
  throw new EdgelogError('unavailable', `statement: ${why}`)
}

/** Returns the catalog with the statement; undefined if it was decided against an older one. */
async function commit(
  context: StatementContext,
  { state: before, sequence, pending }: LatestCatalog,
  { state, effects }: Outcome,
): Promise<LatestCatalog | undefined> {
  const { cluster, access } = context
  await access.check('create', CLUSTER)
  // IF NOT EXISTS, of a name that exists.
  if (state === before) return { state, sequence, pending: [] }
  await checkAccess(context, effects)
  const topics = new FutureTopics(cluster, pending)
  const wanted = await catalogEffects(cluster, effects, topics)
  const changes = changesBetween(before, state)
  const id = crypto.randomUUID()
  const committed = await callCommit(cluster, { id, sequence, changes, effects: wanted })
  if (committed.kind === 'conflict') return undefined
  const after = { ...state, sequence: committed.sequence }
  cluster.catalog.keep(after)
  for (const effect of effects) {
    if (effect.kind === 'delete-topic') cluster.topics.expire(parseTopicName(effect.name))
  }
  return { state: after, sequence: committed.sequence, pending: committed.pending }
}

/** Calls again if there is no response: the statement may be stored or not, and its caller has to know. */
async function callCommit({ objects }: Cluster, commit: CatalogCommit): Promise<CommitResult> {
  for (let calls = 1; ; calls++) {
    try {
      return await objects.callCatalog((stub) => stub.commit(commit))
    } catch (error) {
      const isLost = error instanceof EdgelogError && error.code === 'unavailable'
      if (!isLost || calls === COMMIT_CALLS_MAX) throw error
    }
  }
}

/** The catalog carries the effects out with its own rights, so those of the caller are checked here. */
async function checkAccess(
  { access }: StatementContext,
  effects: readonly Effect[],
): Promise<void> {
  for (const effect of effects) {
    switch (effect.kind) {
      case 'delete-topic':
        await access.check('delete', topicResource(effect.name))
        break
      case 'start':
      case 'replace':
        for (const { name, topic } of effect.query.sources) {
          const operation = name === effect.query.sink ? 'write' : 'read'
          await access.check(operation, topicResource(topic))
        }
        break
      case 'stop':
        await access.check('delete', groupResource(applicationNameOf(effect.id)))
        break
      case 'pause':
      case 'resume':
        await access.check('alter_configs', groupResource(applicationNameOf(effect.id)))
        break
      default:
    }
  }
}

/** Returns the effects for the catalog. @throws the error with which one of them would fail for good. */
async function catalogEffects(
  cluster: Cluster,
  effects: readonly Effect[],
  topics: FutureTopics,
): Promise<CatalogEffect[]> {
  const wanted: CatalogEffect[] = []
  for (const effect of effects) {
    if (effect.kind === 'create-topic') {
      const created = await topicEffect(cluster, effect.topic, topics)
      if (created !== undefined) wanted.push(created)
    } else if (effect.kind === 'start' || effect.kind === 'replace') {
      await checkQuery(cluster, effect, topics)
      wanted.push({ kind: 'deploy', id: effect.query.id, from: effect.from })
    } else if (effect.kind === 'delete-topic' || 'id' in effect) wanted.push(effect)
  }
  return wanted
}

/** @throws {SqlError} for topics that do not fit together. */
async function checkQuery(
  cluster: Cluster,
  { kind, query }: Extract<Effect, { kind: 'start' | 'replace' }>,
  topics: FutureTopics,
): Promise<void> {
  const { topology } = planDefinition(query, ENVIRONMENT)
  const counts = new Map<string, number | undefined>()
  for (const name of sourceTopics(topology)) counts.set(name, await topics.partitionsOf(name))
  try {
    countPartitions(topology, (name) => counts.get(name))
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    throw new SqlError(`${query.id}: the topics of the query do not fit: ${error.message}`)
  }
  if (kind === 'replace') return
  const applications = await cluster.objects.coordinate((stub) => stub.listApplications())
  if (applications.length < APPLICATIONS_MAX) return
  throw new SqlError(`${query.id}: at most ${APPLICATIONS_MAX} queries and applications can run`)
}

async function produce(
  { cluster, access }: StatementContext,
  { topic, key, value, timestamp }: InsertedRecord,
): Promise<ResultOfStatement> {
  const name = parseTopicName(topic, 'topic')
  const record = { key, value, timestamp, headers: [], partition: undefined }
  const [position] = await access.guard('write', topicResource(name), () =>
    produceRecords(cluster, name, [record]),
  )
  const { partition = 0, offset = -1 } = position ?? {}
  return { kind: 'inserted', topic, partition, offset }
}

function statusOf(
  statement: ChangeStatement,
  { message, queryId }: Outcome,
  { sequence, pending }: LatestCatalog,
): StatusResult {
  const isDone = pending.length === 0
  return {
    ...{ kind: 'status', commandId: commandIdOf(statement), message, sequence },
    status: isDone ? 'SUCCESS' : 'EXECUTING',
    ...(queryId === undefined ? {} : { queryId }),
    ...(isDone
      ? {}
      : {
          pending: pending.map(({ effect, error }) => {
            const what = `${effect.kind} ${'id' in effect ? effect.id : effect.name}`
            return error === undefined ? what : `${what}: ${error}`
          }),
        }),
  }
}

function commandIdOf(statement: ChangeStatement): string {
  switch (statement.kind) {
    case 'create-source':
    case 'create-as':
      return `${statement.sourceKind.toLowerCase()}/${statement.name}/create`
    case 'insert-into':
    case 'insert-values':
      return `stream/${statement.target}/create`
    case 'create-type':
      return `type/${statement.name}/create`
    case 'drop-type':
      return `type/${statement.name}/drop`
    case 'drop-source':
      return `${statement.sourceKind.toLowerCase()}/${statement.name}/drop`
    case 'alter-source':
      return `${statement.sourceKind.toLowerCase()}/${statement.name}/alter`
    default:
      return `query/${statement.id ?? 'ALL'}/${statement.kind}`
  }
}
