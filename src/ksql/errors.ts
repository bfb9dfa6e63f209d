/** Errors in ksqlDB's form. */
import type { AppContext } from '../app/env.ts'
import { unexpectedErrorResponse } from '../app/responses.ts'
import { EdgelogError, ERRORS, type ErrorCode } from '../core/errors.ts'
import type { StatementResult } from '../core/sql/statements/statement-results.ts'
import { entityOf } from './entities.ts'

/** An error whose number no other error of edgelog has. */
export class KsqlError extends Error {
  readonly errorCode: number
  readonly statementText: string | undefined

  /** @param errorCode The HTTP status, times 100, plus ksqlDB's number. */
  constructor(errorCode: number, message: string, statementText?: string) {
    super(message)
    this.name = 'KsqlError'
    this.errorCode = errorCode
    this.statementText = statementText
  }
}

export const BAD_REQUEST = 40_000
const BAD_STATEMENT = 40_001
/** The statement is one of `/query`. */
export const QUERY_ENDPOINT = 40_002
export const TOO_MANY_QUERIES = 40_003
const ASSERTION_FAILED = 41_700
const KAFKA_ACCESS = 40_301
const SERVER_ERROR = 50_000
export const COMMAND_TIMEOUT = 50_301

const NUMBERS: Partial<Record<ErrorCode, number>> = {
  invalid_statement: BAD_STATEMENT,
  cluster_authorization_failed: KAFKA_ACCESS,
  group_authorization_failed: KAFKA_ACCESS,
  topic_authorization_failed: KAFKA_ACCESS,
  transactional_id_authorization_failed: KAFKA_ACCESS,
}

export interface ErrorBody {
  readonly '@type': 'generic_error' | 'statement_error'
  readonly error_code: number
  readonly message: string
  readonly statementText?: string
  /** The results of the statements before the one that failed. */
  readonly entities?: readonly object[]
}

/** Returns the body of an error. An unexpected error is reported, and the body has only its id. */
export function errorBody(error: unknown, c: AppContext): ErrorBody {
  if (error instanceof KsqlError) {
    const { errorCode, message, statementText } = error
    return bodyOf(errorCode, message, statementText, [])
  }
  if (!(error instanceof EdgelogError)) {
    const id = unexpectedErrorResponse(error, c).headers.get('x-request-id')
    return bodyOf(SERVER_ERROR, `Internal server error, logged as request ${id}`, undefined, [])
  }
  const { statement, results } = error.details ?? {}
  const text = typeof statement === 'string' ? statement : undefined
  const earlier = Array.isArray(results) ? (results as readonly StatementResult[]) : []
  return bodyOf(numberOf(error, text), error.message, text, earlier)
}

function numberOf({ code }: EdgelogError, statement: string | undefined): number {
  if (code !== 'invalid_statement') return NUMBERS[code] ?? ERRORS[code].http * 100
  return /^\s*ASSERT\b/i.test(statement ?? '') ? ASSERTION_FAILED : BAD_STATEMENT
}

function bodyOf(
  errorCode: number,
  message: string,
  statementText: string | undefined,
  results: readonly StatementResult[],
): ErrorBody {
  const isOfStatement = statementText !== undefined || errorCode === BAD_STATEMENT
  if (!isOfStatement) return { '@type': 'generic_error', error_code: errorCode, message }
  const entities = results.flatMap((result) => entityOf(result) ?? [])
  return {
    ...{ '@type': 'statement_error', error_code: errorCode, message },
    ...{ statementText: statementText ?? '', entities },
  }
}

export function errorStatus({ error_code: number }: ErrorBody): number {
  return Math.floor(number / 100)
}
