/** The headers of a request that say for whom the bridge makes it. */

export interface CallerHeaders {
  readonly token: string | undefined
  /** Address that clients are to connect to, `host:port`. */
  readonly advertised: string
  readonly clientHost: string
  /** See `ConnectionNumbers`. */
  readonly connection: number
}

export function headersOf({
  token,
  advertised,
  clientHost,
  connection,
}: CallerHeaders): Record<string, string> {
  return {
    'edgelog-kafka-address': advertised,
    'edgelog-kafka-client': clientHost,
    'edgelog-kafka-connection': String(connection),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
}
