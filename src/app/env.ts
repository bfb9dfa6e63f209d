/** The context of a request: what the app puts into it, and the broker that a door takes from it. */
import type { Context } from 'hono'
import { Broker } from '../broker/broker.ts'
import type { Caches } from '../broker/cluster.ts'
import { type Authorizer, denyAll } from '../core/access/authorizer.ts'
import { ANONYMOUS, type Principal } from '../core/access/principal.ts'
import { EdgelogError } from '../core/errors.ts'
import type { EdgelogEnv } from './bindings.ts'

export interface AppVariables {
  /** The state that all requests of an app share. */
  readonly shared: { readonly caches: Caches; readonly authorizer: Authorizer }
  /** Set if the request names an origin, so that the response needs the headers of CORS. */
  readonly isFromPage?: true
  /** Set if the response was made with `COMMON_HEADERS`. */
  readonly hasCommonHeaders?: true
  /** The authenticated caller, or the error for this caller. */
  readonly caller: Principal | EdgelogError
}

export type AppEnv = { Bindings: EdgelogEnv; Variables: AppVariables }
export type AppContext = Context<AppEnv>

/**
 * Makes the broker of a request, on behalf of its caller. It denies every operation to a rejected caller.
 *
 * @param isSession true for a connection that makes many calls.
 */
export function brokerOf(c: AppContext, isSession = false): Broker {
  const caller = c.get('caller')
  const { caches, authorizer } = c.get('shared')
  const objects = c.env
  if (caller instanceof EdgelogError) {
    return new Broker({ objects, caches, principal: ANONYMOUS, authorizer: denyAll })
  }
  return new Broker({ objects, caches, principal: caller, authorizer, isSession })
}

/** Returns the error for the caller, or undefined. Only requests to open paths of a door get this far with an error. */
export function callerError(c: AppContext): EdgelogError | undefined {
  const caller = c.get('caller')
  return caller instanceof EdgelogError ? caller : undefined
}
