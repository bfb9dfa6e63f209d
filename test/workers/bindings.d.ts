/** Types the bindings of `wrangler.jsonc`, as `import { env } from 'cloudflare:workers'` gives them to the tests. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import('../../src/index.ts')
    durableNamespaces:
      | 'Partition'
      | 'Coordinator'
      | 'Group'
      | 'Transaction'
      | 'Application'
      | 'Task'
      | 'Catalog'
  }
  interface Env {
    readonly PARTITION: DurableObjectNamespace<import('../../src/index.ts').Partition>
    readonly COORDINATOR: DurableObjectNamespace<import('../../src/index.ts').Coordinator>
    readonly GROUP: DurableObjectNamespace<import('../../src/index.ts').Group>
    readonly REMOTE_LOG: R2Bucket
    readonly APPLICATION: DurableObjectNamespace<import('../../src/index.ts').Application>
    readonly TASK: DurableObjectNamespace<import('../../src/index.ts').Task>
    readonly CATALOG: DurableObjectNamespace<import('../../src/index.ts').Catalog>
    readonly TRANSACTION: DurableObjectNamespace<import('../../src/index.ts').Transaction>
  }
}
