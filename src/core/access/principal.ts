/** The caller of an operation, as Kafka's KafkaPrincipal. */
export interface Principal {
  readonly type: 'User'
  readonly name: string
}

/** The caller of a server that has no token. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' }

/** The holder of the server's one token. */
export const TOKEN_HOLDER: Principal = { type: 'User', name: 'token' }

/** Writes a principal as Kafka does: `User:ANONYMOUS`. */
export function formatPrincipal({ type, name }: Principal): string {
  return `${type}:${name}`
}
