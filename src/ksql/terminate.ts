/** `/ksql/terminate`: ends all queries and drops everything. */
import { z } from '@hono/zod-openapi'
import { readText } from '../app/body.ts'
import { type App, parseWith } from '../app/route.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { EvaluationError } from '../core/sql/errors.ts'
import { regexpOf } from '../core/sql/functions/regexp.ts'
import { STATEMENTS_BODY_BYTES_MAX, STATEMENTS_MAX } from '../core/sql/limits.ts'
import type { StatementResult } from '../core/sql/statements/statement-results.ts'
import { quoteName } from '../core/sql/types/sql-type.ts'
import { BAD_REQUEST, KsqlError } from './errors.ts'
import { addKsqlRoute, jsonResponse } from './route.ts'
import { statementsOf } from './statements-of.ts'

const Body = z.looseObject({
  deleteTopicList: z.array(z.string('a name or a pattern is allowed')).default([]),
})

export function addTerminateRoute(app: App): void {
  addKsqlRoute(
    app,
    { method: 'post', path: '/ksql/terminate', summary: 'End all queries, drop all sources' },
    async (c) => {
      const text = await readText(c, STATEMENTS_BODY_BYTES_MAX)
      const { deleteTopicList } = parseWith(Body, text === '' ? {} : parseExactJson(text))
      const statements = statementsOf(c)
      const shown = await statements.run({ text: 'SHOW STREAMS; SHOW TABLES; SHOW TYPES;' })
      const drops = shown.flatMap((result) => dropsOf(result, deleteTopicList))
      let last = await statements.run({ text: 'TERMINATE ALL;' })
      for (let from = 0; from < drops.length; from += STATEMENTS_MAX) {
        last = await statements.run({ text: drops.slice(from, from + STATEMENTS_MAX).join('\n') })
      }
      const sequence = last.findLast((result) => result.kind === 'status')?.sequence ?? 0
      return jsonResponse(c, [
        {
          ...{ '@type': 'currentStatus', statementText: 'TERMINATE CLUSTER;', warnings: [] },
          commandId: 'terminate/CLUSTER/execute',
          commandStatus: { status: 'SUCCESS', message: 'Terminated', queryId: null },
          commandSequenceNumber: sequence,
        },
      ])
    },
  )
}

/** @param patterns Names of topics to delete, or regular expressions of Java that match whole names. */
function dropsOf(result: StatementResult, patterns: readonly string[]): string[] {
  if (result.kind === 'types') {
    return result.types.map(({ name }) => `DROP TYPE ${quoteName(name)};`)
  }
  if (result.kind !== 'sources') return []
  return result.sources.map(({ name, topic, isReadOnly }) => {
    const deletes = !isReadOnly && patterns.some((pattern) => matchesWhole(pattern, topic))
    return `DROP ${result.sourceKind} ${quoteName(name)}${deletes ? ' DELETE TOPIC' : ''};`
  })
}

function matchesWhole(pattern: string, topic: string): boolean {
  if (pattern === topic) return true
  try {
    return !regexpOf(`^(?:${pattern})$`).matches(topic).next().done
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new KsqlError(
      BAD_REQUEST,
      `deleteTopicList: Invalid pattern: ${pattern}: ${error.message}`,
    )
  }
}
