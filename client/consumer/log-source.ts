/** Where readers get a partition's batches from. */
import type { Connection } from '../http/connection.ts'
import { type FetchBatchesOptions, type FetchedBatches, fetchBatches } from './fetch-batches.ts'

export interface LogSource {
  /**
   * One read, from the batch that holds the offset asked for. Where there is nothing yet, it waits up to
   * `waitMs` and then answers with nothing.
   *
   * @throws {EdgelogError} `offset_out_of_range`, `unknown_topic_or_partition`, `unavailable`, ...
   */
  fetch(topic: string, partition: number, options: FetchBatchesOptions): Promise<FetchedBatches>
}

/** The server. */
export function networkSource(connection: Connection): LogSource {
  return {
    fetch: (topic, partition, options) => fetchBatches(connection, topic, partition, options),
  }
}
