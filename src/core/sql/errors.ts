/** The errors of SQL: of a statement that cannot be carried out, and of an expression that fails for a row. */

/** A place in the text of a statement; both numbers begin with 1. */
export interface SqlPosition {
  readonly line: number
  readonly column: number
}

/** A statement that is refused. Nothing of it is carried out. */
export class SqlError extends Error {
  /** Where the fault is, if it has a place. */
  readonly position: SqlPosition | undefined

  constructor(message: string, position?: SqlPosition) {
    super(message)
    this.name = 'SqlError'
    this.position = position
  }
}

/** A statement that does not follow the grammar. */
export class SqlSyntaxError extends SqlError {
  constructor(message: string, position: SqlPosition) {
    super(`line ${position.line}:${position.column}: ${message}`, position)
    this.name = 'SqlSyntaxError'
  }
}

/** An expression that fails for one row: its column is null there, and the failure is counted. */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'EvaluationError'
  }
}
