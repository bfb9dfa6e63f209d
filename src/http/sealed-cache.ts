/** The edge's cache of sealed chunks. Its keys contain no token: the route has decided before who may read. */
import { report } from '../events/report.ts'

export interface SealedCache {
  find(key: string): Promise<Response | undefined>
  /** Keeps a response as long as its `Cache-Control` allows, or shorter. */
  keep(key: string, response: Response): Promise<void>
}

/** The cache of the data centre. A failure is reported, and means that nothing is kept. */
export const edgeCache: SealedCache = {
  async find(key) {
    try {
      return await caches.default.match(key)
    } catch (error) {
      report({ type: 'cache_failed', error })
      return undefined
    }
  },

  async keep(key, response) {
    try {
      await caches.default.put(key, response)
    } catch (error) {
      report({ type: 'cache_failed', error })
    }
  },
}
