/** edgelog with the generated topologies as applications. */
import { createApp } from '../../../src/index.ts'
import { topologiesFor } from './generated-topologies.ts'

export {
  Application,
  Coordinator,
  Group,
  Partition,
  Task,
  Transaction,
} from '../../../src/index.ts'

/** Written in when this is bundled. */
declare const SEED: number

export default createApp({ streams: topologiesFor('object', SEED) })
