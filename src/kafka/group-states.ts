/** The group states and their names in Kafka. */
import type { GroupState } from '../core/group/group-state.ts'

export const GROUP_STATES: Readonly<Record<GroupState, string>> = {
  empty: 'Empty',
  assigning: 'Assigning',
  reconciling: 'Reconciling',
  stable: 'Stable',
  preparing_rebalance: 'PreparingRebalance',
  completing_rebalance: 'CompletingRebalance',
  unknown: 'Unknown',
}
