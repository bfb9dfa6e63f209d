/** The source from which readers get a partition's batches. */
import type { Connection } from '../http/connection.ts'
import { type FetchBatchesOptions, type FetchedBatches, fetchBatches } from './fetch-batches.ts'

export interface LogSource {
  /**
   * Reads from the batch that contains the requested offset. At the end
   * of the log it waits up to `waitMs` and then returns an empty result.
   *
   * @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`, `unavailable`, ...
   */
  fetch(topic: string, partition: number, options: FetchBatchesOptions): Promise<FetchedBatches>
}

/** Returns a source that reads from the server. */
export function networkSource(connection: Connection): LogSource {
  return {
    fetch: (topic, partition, options) => fetchBatches(connection, topic, partition, options),
  }
}
