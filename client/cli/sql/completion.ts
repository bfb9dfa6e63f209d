/** Completes words of statements: keywords, functions, and the names that the server has. */
import { AGGREGATE_FUNCTIONS } from '../../../src/core/sql/aggregates/aggregates.ts'
import { SCALAR_FUNCTIONS, TABLE_FUNCTIONS } from '../../../src/core/sql/functions/functions.ts'
import { RESERVED } from '../../../src/core/sql/syntax/keywords.ts'
import type { Client } from '../../index.ts'

/** Words of statements that may also be names. */
const WORDS =
  `ADD ADVANCE ALTER ARRAY ASSERT BIGINT BOOLEAN BYTES CHANGES COLUMN DATE DECIMAL DOUBLE EXPLAIN EXTENDED FINAL FUNCTION
  FUNCTIONS GRACE HEADER HEADERS IF INTEGER KEY LIST MAP PAUSE PERIOD PRIMARY PROPERTIES QUERIES REPLACE RESUME RETENTION SET
  SHOW SIZE SOURCE STREAMS STRING STRUCT TABLES TIME TIMESTAMP TOPIC TOPICS TYPE TYPES VARIABLES`.split(
    /\s+/,
  )
const COMMANDS = ['exit', 'help', 'history', 'output', 'run script', 'server', 'spool']
const FUNCTIONS = [SCALAR_FUNCTIONS, TABLE_FUNCTIONS, AGGREGATE_FUNCTIONS].flatMap((functions) => [
  ...functions.keys(),
])

/** Where names are looked up, and the field that has them. */
const LISTS = [
  ['SHOW STREAMS;', 'sources'],
  ['SHOW TABLES;', 'sources'],
  ['SHOW TOPICS;', 'topics'],
] as const

export class SqlCompletion {
  readonly #words = [...new Set([...RESERVED, ...WORDS])].sort()
  #names: readonly string[] = []

  /** Looks up the names of the server. Without them, keywords and functions are completed. */
  async refresh(client: Client, signal: AbortSignal): Promise<void> {
    const names = await Promise.all(
      LISTS.map(async ([statement, field]) => {
        const { statements } = await client.sql(statement, { signal })
        const found = statements[0]?.[field] as ReadonlyArray<{ readonly name: string }> | undefined
        return (found ?? []).map(({ name }) => name)
      }),
    )
    this.#names = [...new Set(names.flat())].sort()
  }

  /** Returns the texts that the last word of a line may become, and the word. */
  complete(line: string, isFirstLine: boolean): [string[], string] {
    const word = /[\p{L}\p{N}_.-]*$/u.exec(line)?.[0] ?? ''
    const isAlone = isFirstLine && line.trimStart() === word
    if (word === '') return [[], word]
    const begins = (one: string) => one.toUpperCase().startsWith(word.toUpperCase())
    const isLower = word === word.toLowerCase() && word !== word.toUpperCase()
    const cased = (one: string) => (isLower ? one.toLowerCase() : one)
    const found = [
      ...(isAlone ? COMMANDS.filter(begins) : []),
      ...this.#words.filter(begins).map((one) => `${cased(one)} `),
      ...FUNCTIONS.filter(begins).map((one) => `${cased(one)}(`),
      ...this.#names.filter(begins).map((one) => (one === one.toUpperCase() ? cased(one) : one)),
    ]
    return [[...new Set(found)], word]
  }
}
