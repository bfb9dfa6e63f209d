import type { IsolationLevel } from '../core/log/log-ends.ts'

/** Kafka's number of `committed`; any other number also reads uncommitted records. */
const READ_COMMITTED = 1

export function isolationOf(isolationLevel: number): IsolationLevel {
  return isolationLevel === READ_COMMITTED ? 'committed' : 'uncommitted'
}
