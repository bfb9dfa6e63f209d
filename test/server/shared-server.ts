/**
 * One server for all tests that need any server: those of the protocol, the client and the
 * command line. `EDGELOG_URL` names it; by default vitest starts one before the first test.
 */
import { inject } from 'vitest'
import type { TestProject } from 'vitest/node'
import { ServerProcess } from './server-process.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly serverUrl: string
  }
}

/** Called by vitest before the first test of the project; the returned function ends the server. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.EDGELOG_URL
  if (given !== undefined) {
    project.provide('serverUrl', given)
    return async () => undefined
  }
  const server = await ServerProcess.start()
  project.provide('serverUrl', server.url)
  return () => server.stop()
}

/** Returns the address of the shared server. All tests share its topics and groups, so use unique names. */
export function sharedServerUrl(): string {
  return inject('serverUrl')
}

let namesMade = 0

/** Returns a name for a topic or a group that no other test has. */
export function uniqueName(prefix: string): string {
  namesMade += 1
  return `${prefix}-${process.pid}-${Date.now()}-${namesMade}`
}
