/** The common part of AlterConfigs and IncrementalAlterConfigs: everything but the form of a change. */
import type { Broker } from '../broker/broker.ts'
import { fanOut } from '../broker/fan-out.ts'
import { CLUSTER } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import type { GroupConfigChange } from '../core/group/group-config.ts'
import type { TopicChange } from '../core/topic/topic.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import {
  type ConfigResource,
  checkBroker,
  groupOf,
  RESOURCE,
  resourceKey,
  unknownResource,
} from './config-resource.ts'
import { type ErrorFields, errorNumbersOf, NO_ERROR } from './error-number.ts'
import { nameCheck } from './unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

interface GivenConfig {
  readonly name: string
  readonly value: string | null
}

type AlteredResource = ConfigResource & { readonly configs: readonly GivenConfig[] }

type Altered = ConfigResource & ({ readonly errorCode: typeof NO_ERROR } | ErrorFields)

/** Translates a resource of one API to its change. */
export interface ChangesOf<Resource> {
  /** @throws {EdgelogError} if the change is invalid. */
  topic(resource: Resource): TopicChange
  /** Returns the broker configs whose value would change. */
  brokerKeys(resource: Resource): readonly string[]
  /** @throws {EdgelogError} if the change is invalid. */
  group(resource: Resource): GroupConfigChange
}

/**
 * Changes or rejects each resource separately. Naming a config twice is an
 * error, even if the resource has other errors too.
 */
export async function alterResources<Resource extends AlteredResource>(
  broker: Broker,
  resources: readonly Resource[],
  validateOnly: boolean,
  changesOf: ChangesOf<Resource>,
): Promise<Altered[]> {
  const checkName = nameCheck('resources', resources.map(resourceKey))
  return await fanOut(resources, async (resource) => {
    const { resourceType, resourceName } = resource
    const named = { resourceType, resourceName }
    try {
      checkName(resourceKey(named))
      checkEachOnce(resource.configs)
      switch (resourceType) {
        case RESOURCE.topic: {
          const name = parseTopicName(resourceName)
          await broker.topics.change(name, { ...changesOf.topic(resource), validateOnly })
          break
        }
        case RESOURCE.broker:
          await broker.access.check('alter_configs', CLUSTER)
          checkBroker(named)
          checkNoneChanges(changesOf.brokerKeys(resource))
          break
        case RESOURCE.group: {
          const groupId = groupOf(named)
          await broker.groups.changeConfig(groupId, changesOf.group(resource), validateOnly)
          break
        }
        default:
          throw unknownResource(named)
      }
      return { ...named, errorCode: NO_ERROR }
    } catch (error) {
      return { ...named, ...errorFields(error) }
    }
  })
}

/** @throws {EdgelogError} `invalid_request`, with a broker's message for a read-only config. */
function checkNoneChanges(keys: readonly string[]): void {
  if (keys.length === 0) return
  const why = `Cannot update these configs dynamically: [${keys.join(', ')}]`
  throw new EdgelogError('invalid_request', why)
}

/** @throws {EdgelogError} `invalid_request` for a repeated config: which value is intended would be ambiguous. */
function checkEachOnce(configs: readonly GivenConfig[]): void {
  const names = configs.map(({ name }) => name)
  const checkName = nameCheck('configs', names)
  for (const name of names) checkName(name)
}

/**
 * Returns the value that a config is set to.
 *
 * @throws {EdgelogError} `invalid_request` if there is none.
 */
export function givenValue({ name, value }: GivenConfig): string {
  if (value !== null) return value
  throw new EdgelogError('invalid_request', `config.${name}: a value is needed`)
}
