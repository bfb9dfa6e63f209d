/** The operations of SQL, on behalf of the caller of a request. */
import { type AppContext, brokerOf } from '../app/env.ts'
import { StatementOperations } from '../broker/sql/statement-operations.ts'

export function statementsOf(c: AppContext): StatementOperations {
  return brokerOf(c).with(StatementOperations)
}
