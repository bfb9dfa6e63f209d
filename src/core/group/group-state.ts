/** The states of a group, in either protocol. */

export type GroupState =
  | 'empty'
  /** A new assignment is due. */
  | 'assigning'
  /** Members are changing over to the new assignment. */
  | 'reconciling'
  | 'stable'
  /** The classic protocol: members are joining. */
  | 'preparing_rebalance'
  /** The classic protocol: the leader is assigning. */
  | 'completing_rebalance'
  /** In a list: the group did not respond. */
  | 'unknown'
