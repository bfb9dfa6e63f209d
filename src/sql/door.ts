/** The door of SQL: statements by `POST /v1/sql`. docs/PROTOCOL.md describes it. */
import type { Door } from '../app/door.ts'
import { addStatementRoute } from './statements.ts'

export const sqlDoor: Door = {
  name: 'sql',
  bindings: [],
  mount(app) {
    addStatementRoute(app)
    return undefined
  },
}
