/** The schemas of the routes of SQL. */
import { z } from '@hono/zod-openapi'

const Scalar = z.union(
  [z.string(), z.number(), z.boolean()],
  'a text, a number, true or false is allowed',
)

export const StatementsBody = z
  .strictObject({
    sql: z.string('a text is needed').openapi({
      example:
        "CREATE STREAM clicks (page STRING) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');",
      description: 'statements; each ends with a semicolon',
    }),
    properties: z
      .record(z.string(), Scalar)
      .default({})
      .openapi({ description: 'as by SET', example: { 'auto.offset.reset': 'earliest' } }),
    parameters: z
      .record(
        z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*$/u, 'letters, digits and _ are allowed'),
        z.union([Scalar, z.null()], 'a text, a number, true, false or null is allowed'),
      )
      .default({})
      .openapi({ description: 'the values of :name in the statements' }),
    variables: z
      .record(z.string(), z.string('a text is allowed'))
      .default({})
      .openapi({ description: 'as by DEFINE: texts that replace variables before parsing' }),
  })
  .openapi('Statements')

/** Each kind of result has fields of its own. */
const Result = z.looseObject({
  kind: z.string(),
  statement: z.string().openapi({ description: 'as it was written' }),
})

export const ResultsResponse = z
  .object({ results: z.array(Result).openapi({ description: 'one for each statement' }) })
  .openapi('StatementResults')
