/** The bodies of requests with statements. */
import { z } from '@hono/zod-openapi'
import { readText } from '../app/body.ts'
import type { AppContext } from '../app/env.ts'
import { parseWith } from '../app/route.ts'
import type { StatementRequest } from '../broker/sql/run-statements.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { STATEMENTS_BODY_BYTES_MAX } from '../core/sql/limits.ts'
import { BAD_REQUEST, COMMAND_TIMEOUT, KsqlError } from './errors.ts'
import { COMMAND_WAIT_MS } from './limits.ts'
import { statementsOf } from './statements-of.ts'

const Value = z.union(
  [z.string(), z.number(), z.boolean()],
  'a text, a number, true or false is allowed',
)
const Values = z.record(z.string(), Value).nullish()

/** `/query-stream` has names of its own for the statement and the properties. All routes take both. */
const Body = z.looseObject({
  ksql: z.string('a text is allowed').nullish(),
  sql: z.string('a text is allowed').nullish(),
  streamsProperties: Values,
  properties: Values,
  sessionVariables: Values,
  commandSequenceNumber: z.int('a whole number is allowed').nullish(),
})

/**
 * Reads a request, and waits for the earlier statement that it names.
 *
 * @throws {EdgelogError} `invalid_request`, `request_too_large`.
 */
export async function readRequest(c: AppContext): Promise<StatementRequest> {
  const body = parseWith(Body, parseExactJson(await readText(c, STATEMENTS_BODY_BYTES_MAX)))
  const text = body.ksql ?? body.sql
  if (text == null) throw new KsqlError(BAD_REQUEST, 'ksql: a text with statements is needed')
  const { commandSequenceNumber: sequence } = body
  if (sequence != null && !(await statementsOf(c).hasSequence(sequence, COMMAND_WAIT_MS))) {
    throw new KsqlError(
      COMMAND_TIMEOUT,
      `Timed out while waiting for a previous command to execute. command sequence number: ${sequence}`,
    )
  }
  return {
    text,
    properties: textsOf(body.streamsProperties ?? body.properties),
    variables: textsOf(body.sessionVariables),
  }
}

function textsOf(values: z.output<typeof Values>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, String(value)]),
  )
}
