/** What AlterConfigs and IncrementalAlterConfigs have in common: all but how a change is said. */
import type { Cluster } from '../broker/cluster.ts'
import { fanOut } from '../broker/fan-out.ts'
import { changeTopic } from '../broker/topics.ts'
import type { TopicChange } from '../core/topic/topic.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import { type ConfigResource, RESOURCE, resourceKey, unchangeable } from './config-resource.ts'
import { type ErrorFields, errorNumbersOf, NO_ERROR } from './error-number.ts'
import { nameCheck } from './unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

type Altered = ConfigResource & ({ readonly errorCode: typeof NO_ERROR } | ErrorFields)

/** Each resource is changed, or refused, by itself. `changeOf` throws what is wrong with a change. */
export async function alterTopicConfigs<Resource extends ConfigResource>(
  cluster: Cluster,
  resources: readonly Resource[],
  validateOnly: boolean,
  changeOf: (resource: Resource) => TopicChange,
): Promise<Altered[]> {
  const checkName = nameCheck('resources', resources.map(resourceKey))
  return await fanOut(resources, async (resource) => {
    const { resourceType, resourceName } = resource
    const named = { resourceType, resourceName }
    try {
      checkName(resourceKey(named))
      if (resourceType !== RESOURCE.topic) throw unchangeable(named)
      const name = parseTopicName(resourceName)
      await changeTopic(cluster, name, { ...changeOf(resource), validateOnly })
      return { ...named, errorCode: NO_ERROR }
    } catch (error) {
      return { ...named, ...errorFields(error) }
    }
  })
}
