/** The HTTP door: topics, records and groups as JSON and record batches. docs/PROTOCOL.md is its contract. */
import type { Door } from '../app/door.ts'
import { addFetchRoutes } from './fetch.ts'
import { addGroupOffsetRoutes } from './group-offsets.ts'
import { addGroupRoutes } from './groups.ts'
import { addHomePage, HOME_PATH } from './home-page.ts'
import { addProduceRoutes } from './produce.ts'
import { addRestoreRoute } from './restore.ts'
import { addSealedRoute, SEALED_PATH } from './sealed.ts'
import { edgeCache } from './sealed-cache.ts'
import { addSessionRoutes } from './session/session-routes.ts'
import { addTableRoutes } from './table.ts'
import { addTailRoutes } from './tail/tail-routes.ts'
import { addTierRoutes } from './tier.ts'
import { addTopicRoutes } from './topics.ts'
import { addTransactionRoutes } from './transactions/interactive.ts'
import { addOneShotRoute } from './transactions/one-shot.ts'

export const httpDoor: Door = {
  name: 'http',
  bindings: ['PARTITION', 'COORDINATOR', 'GROUP'],
  openPaths: [HOME_PATH, SEALED_PATH],
  mount(app) {
    addHomePage(app)
    addTopicRoutes(app)
    addTierRoutes(app)
    addProduceRoutes(app)
    addFetchRoutes(app)
    addRestoreRoute(app)
    addSealedRoute(app, edgeCache)
    addTableRoutes(app)
    addTailRoutes(app)
    addSessionRoutes(app)
    addGroupRoutes(app)
    addGroupOffsetRoutes(app)
    addOneShotRoute(app)
    addTransactionRoutes(app)
  },
}
