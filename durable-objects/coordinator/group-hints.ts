/**
 * Sends groups a hint that their topics or config changed. A hint may be lost: each group also refreshes on its own.
 */
import type { GroupApi } from '../../src/core/group/group-api.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { COORDINATOR_FANOUT_MAX } from '../../src/core/limits.ts'
import { report } from '../../src/events/report.ts'
import { CallLimit } from './call-limit.ts'

export type GroupNamespace = DurableObjectNamespace<Rpc.DurableObjectBranded & GroupApi>

export class GroupHints {
  readonly #groups: GroupNamespace
  readonly #calls = new CallLimit(COORDINATOR_FANOUT_MAX)

  constructor(groups: GroupNamespace) {
    this.#groups = groups
  }

  async send(groupIds: readonly GroupId[]): Promise<void> {
    await this.#calls.forEach(groupIds, async (groupId) => {
      try {
        await this.#groups.getByName(groupId).refresh()
      } catch (error) {
        report({ type: 'group_hint_lost', groupId, error })
      }
    })
  }
}
