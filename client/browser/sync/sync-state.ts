/** The states of the sync, and what leads from one to the next. */
export type State =
  | 'idle'
  | 'offline'
  | 'connecting'
  | 'catchingUp'
  | 'live'
  | 'backingOff'
  | 'authNeeded'
  | 'closed'
