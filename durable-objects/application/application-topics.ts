/** The topics of an application, as its coordinator has them. */
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import type { PartitionApi } from '../../src/core/log/partition-api.ts'
import { BATCH_TARGET_BYTES } from '../../src/core/streams/limits.ts'
import {
  COORDINATOR_OBJECT_NAME,
  type CoordinatorApi,
  partitionObjectName,
  type Topic,
} from '../../src/core/topic/topic.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { reach } from '../reach.ts'

export type ApplicationCoordinator = Pick<
  CoordinatorApi,
  | 'getTopic'
  | 'createTopic'
  | 'deleteTopic'
  | 'openPartition'
  | 'registerApplication'
  | 'forgetApplication'
>

export interface ApplicationTopicsEnv {
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & ApplicationCoordinator>
  readonly PARTITION: DurableObjectNamespace<
    Rpc.DurableObjectBranded & Pick<PartitionApi, 'describe'>
  >
}

export class ApplicationTopics {
  readonly #env: ApplicationTopicsEnv

  constructor(env: ApplicationTopicsEnv) {
    this.#env = env
  }

  /** Returns a topic; undefined if it does not exist. */
  async find(name: string): Promise<Topic | undefined> {
    const result = await this.#coordinate((one) => one.getTopic(parseTopicName(name)))
    if (!('error' in result)) return result.ok
    if (result.error.code === 'unknown_topic_or_partition') return undefined
    throw EdgelogError.fromBody(result.error)
  }

  /** Returns a topic, and creates it if it does not exist. */
  async ensure(
    name: string,
    partitions: number,
    overrides: Readonly<Record<string, string>> = {},
  ): Promise<Topic> {
    const found = await this.find(name)
    if (found !== undefined) return found
    const topic = { name: parseTopicName(name), partitions, overrides }
    const created = await this.#coordinate((one) => one.createTopic(topic))
    if (!('error' in created)) return created.ok
    const other = created.error.code === 'topic_already_exists' ? await this.find(name) : undefined
    return other ?? unwrap(created)
  }

  async delete(name: string): Promise<void> {
    const result = await this.#coordinate((one) => one.deleteTopic(parseTopicName(name)))
    if ('error' in result && result.error.code !== 'unknown_topic_or_partition') unwrap(result)
  }

  /** Returns the end of a partition's log, where `latest` begins. */
  async endOf(topic: Topic, partition: number): Promise<number> {
    unwrap(await this.#coordinate((one) => one.openPartition(topic.name, partition)))
    const id = this.#env.PARTITION.idFromName(partitionObjectName(topic.id, partition))
    const described = await reach('the log', () => this.#env.PARTITION.get(id).describe())
    return unwrap(described).lastStableOffset
  }

  async register(application: string): Promise<void> {
    unwrap(await this.#coordinate((one) => one.registerApplication(application)))
  }

  async forget(application: string): Promise<void> {
    const coordinator = this.#env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    await reach('the log', () => coordinator.forgetApplication(application))
  }

  async #coordinate<T>(
    call: (
      coordinator: DurableObjectStub<Rpc.DurableObjectBranded & ApplicationCoordinator>,
    ) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const coordinator = this.#env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    return await reach('the log', () => call(coordinator))
  }
}

/** Returns the bytes that a batch for the topic may have. */
export function batchBytesMaxOf({ config }: Topic): number {
  return Math.min(config.maxMessageBytes, BATCH_TARGET_BYTES)
}
