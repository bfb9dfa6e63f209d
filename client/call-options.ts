export interface CallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal
}
