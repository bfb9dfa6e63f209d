/** ASSERT TOPIC: waits until a topic exists, or does not. */
import { topicResource } from '../../core/access/resource.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { ASSERT_PAUSE_MS, ASSERT_WAIT_MS, ASSERT_WAIT_MS_MAX } from '../../core/sql/limits.ts'
import { durationMs } from '../../core/sql/plan/durations.ts'
import type { ResultOfStatement } from '../../core/sql/statements/statement-results.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { StatementContext } from './statement-context.ts'
import { FutureTopics } from './wanted-topics.ts'

type AssertTopic = Extract<Statement, { kind: 'assert-topic' }>

export async function assertTopic(
  statement: AssertTopic,
  { cluster, access, catalog }: StatementContext,
): Promise<ResultOfStatement> {
  const { topic, isAbsent, timeout } = statement
  const wanted = partitionsOf(statement)
  await access.check('describe', topicResource(parseTopicName(topic, 'topic')))
  const waitMs = timeout === undefined ? ASSERT_WAIT_MS : durationMs(timeout)
  const deadlineMs = Date.now() + Math.min(waitMs, ASSERT_WAIT_MS_MAX)
  for (;;) {
    const found = await new FutureTopics(cluster, catalog.pending).partitionsOf(topic)
    const isAsWanted = isAbsent
      ? found === undefined
      : found !== undefined && (wanted === undefined || wanted === found)
    if (isAsWanted) return { kind: 'assertion', topic, exists: !isAbsent }
    if (Date.now() >= deadlineMs) throw new SqlError(failure(statement, found, wanted))
    await new Promise((resolve) => setTimeout(resolve, ASSERT_PAUSE_MS))
  }
}

function failure({ topic, isAbsent }: AssertTopic, found?: number, wanted?: number): string {
  if (isAbsent) return `Topic ${topic} exists`
  if (found === undefined) return `Topic ${topic} does not exist`
  return `Mismatched configuration for topic ${topic}: For config partitions, expected ${wanted} got ${found}`
}

function partitionsOf({ properties }: AssertTopic): number | undefined {
  for (const name of properties.keys()) {
    if (name === 'PARTITIONS' || name === 'REPLICAS') continue
    throw new SqlError(`Cannot assert unknown topic property: ${name}; PARTITIONS is allowed`)
  }
  const given = properties.get('PARTITIONS')
  if (given === undefined || typeof given === 'number') return given
  throw new SqlError('Cannot assert topic property PARTITIONS: a whole number is allowed')
}
