/**
 * The appends of one request or session, in a lane for each partition.
 *
 *     append 1   ->  call 1: 1            the partition is called at once
 *     append 2, 3, 4                      arrive while call 1 is under way
 *                ->  call 2: 2, 3, 4      one call, with a result for each
 *
 * The appends of a partition keep the order in which they are made, because a lane makes one call at a time. A client
 * that had several appends in a call sends the next ones together, and they are received one turn after the other. So
 * the next call waits some turns for as many appends; a client with one append at a time never waits.
 */
import { type Result, unwrap } from '../core/errors.ts'
import {
  EDGE_FANOUT_MAX,
  GATHER_TURNS_MAX,
  JOINED_APPENDS_MAX,
  JOINED_BYTES_MAX,
} from '../core/limits.ts'
import type {
  AppendRequest,
  AppendResult,
  AppendResults,
  OverlapResult,
} from '../core/log/partition-api.ts'
import type { CalledTopic, TopicMetadata } from './topic-metadata.ts'

type AppendOutcome = AppendResult | OverlapResult

interface Waiting {
  readonly request: AppendRequest
  readonly resolve: (result: AppendOutcome) => void
  readonly reject: (error: unknown) => void
}

export class AppendLanes {
  readonly #topics: TopicMetadata
  readonly #nextTurn: () => Promise<void>
  /** Appends that wait for the call of their partition; a partition without a call has no entry. */
  readonly #lanes = new Map<string, Waiting[]>()
  #callsCount = 0
  /** Appends of the last call. */
  #joinedBefore = 1
  /** Lanes that wait until fewer calls are under way. */
  readonly #held: Array<() => void> = []

  /** @param nextTurn resolves in another turn of the event loop. */
  constructor(topics: TopicMetadata, nextTurn = timerTurn) {
    this.#topics = topics
    this.#nextTurn = nextTurn
  }

  /**
   * Appends to one partition, after all earlier appends to it.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `unknown_topic_id`, `unavailable`, errors of the partition.
   */
  append(topic: CalledTopic, partition: number, request: AppendRequest): Promise<AppendOutcome> {
    const key = `${partition} ${topic.id ?? ''} ${topic.name}`
    const lane = this.#lanes.get(key)
    return new Promise((resolve, reject) => {
      const waiting = { request, resolve, reject }
      if (lane !== undefined) lane.push(waiting)
      else void this.#run(key, topic, partition, [waiting])
    })
  }

  async #run(key: string, topic: CalledTopic, partition: number, lane: Waiting[]): Promise<void> {
    this.#lanes.set(key, lane)
    while (lane.length > 0) {
      if (this.#callsCount === EDGE_FANOUT_MAX) await new Promise<void>((go) => this.#held.push(go))
      this.#callsCount++
      if (lane.length < this.#joinedBefore) await this.#gather(lane)
      const joined = takeCall(lane)
      this.#joinedBefore = joined.length
      await this.#call(topic, partition, joined)
      this.#callsCount--
      this.#held.shift()?.()
    }
    this.#lanes.delete(key)
  }

  /** Waits for as many appends as the last call had. */
  async #gather(lane: readonly Waiting[]): Promise<void> {
    for (let turns = 0; turns < GATHER_TURNS_MAX && lane.length < this.#joinedBefore; turns++) {
      await this.#nextTurn()
    }
  }

  /** Calls the partition, and settles each append; never rejects. */
  async #call(topic: CalledTopic, partition: number, joined: readonly Waiting[]): Promise<void> {
    const [first] = joined as [Waiting]
    try {
      if (joined.length === 1) {
        first.resolve(
          await this.#topics.callPartitionOf(topic, partition, (stub) =>
            stub.append(first.request),
          ),
        )
        return
      }
      const requests = joined.map(({ request }) => request)
      const { results } = await this.#topics.callPartitionOf(
        topic,
        partition,
        // The types of RPC do not follow the results of the single appends.
        (stub) => stub.appendEach(requests) as Promise<Result<AppendResults>>,
      )
      for (const [index, { resolve, reject }] of joined.entries()) {
        try {
          resolve(unwrap(results[index] as (typeof results)[number]))
        } catch (error) {
          reject(error)
        }
      }
    } catch (error) {
      for (const { reject } of joined) reject(error)
    }
  }
}

/** Waits for a timer of 0 ms: the runtime receives messages before it fires. */
function timerTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

/** Takes the appends of the next call: at least one, and as many as fit. */
function takeCall(lane: Waiting[]): Waiting[] {
  let count = 0
  let sizeBytes = 0
  for (const { request } of lane) {
    sizeBytes += request.batches.length
    if (count > 0 && (count === JOINED_APPENDS_MAX || sizeBytes > JOINED_BYTES_MAX)) break
    count++
  }
  return lane.splice(0, count)
}
