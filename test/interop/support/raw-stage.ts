/** Opens a stage, and raw connections to its bridge that are closed after each test. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { RawConnection } from './raw-connection.ts'
import { openStage, type Stage } from './stage.ts'

export interface RawStage {
  readonly stage: Stage
  /** The connections that the current test has opened. */
  readonly opened: readonly RawConnection[]
  open(): Promise<RawConnection>
}

export function useRawStage(): RawStage {
  let stage: Stage | undefined
  const opened: RawConnection[] = []
  beforeAll(async () => {
    stage = await openStage()
  })
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.close()
  })
  afterAll(() => stage?.close())
  const started = (): Stage => {
    if (stage === undefined) throw new Error('the stage exists only after beforeAll')
    return stage
  }
  return {
    get stage() {
      return started()
    },
    opened,
    open: async () => {
      const connection = await RawConnection.open(started().port)
      opened.push(connection)
      return connection
    },
  }
}
