/**
 * The rooms of the source, with what each may import: docs/ARCHITECTURE.md.
 *
 * A room is a folder with everything below it, or a file; the longest path that contains a file is its room.
 * Imports between rooms go one way: the rows form no circle.
 */

export interface Room {
  /** Other rooms; `path/**` stands for all rooms at or below a path. */
  readonly imports: readonly string[]
  /** Package names, each with the paths below it; `node:` stands for all modules of Node. */
  readonly packages?: readonly string[]
}

const CORE = ['src/core/**']

/** The parts of SQL that know nothing of streams and tables that exist. */
const SQL_LANGUAGE = [
  'src/core',
  'src/core/sql',
  'src/core/sql/types',
  'src/core/sql/syntax',
  'src/core/sql/functions',
  'src/core/sql/aggregates',
  'src/core/sql/expressions',
  'src/core/sql/formats',
]

const SERVER_ROOMS: Record<string, Room> = {
  'src/core': { imports: [] },
  'src/core/access': { imports: ['src/core'] },
  'src/core/bytes': { imports: ['src/core'] },
  'src/core/json': { imports: ['src/core'] },
  'src/core/compression': { imports: ['src/core', 'src/core/bytes'] },
  'src/core/batch': {
    imports: ['src/core', 'src/core/bytes', 'src/core/compression', 'src/core/json'],
  },
  'src/core/kafka': { imports: ['src/core', 'src/core/bytes'] },
  'src/core/topic-pattern': { imports: ['src/core'] },
  'src/core/quota': { imports: ['src/core'] },
  'src/core/group/assign': { imports: ['src/core'] },
  'src/core/transaction/participant-api.ts': { imports: ['src/core'] },
  'src/core/group': {
    imports: [
      'src/core',
      'src/core/group/assign',
      'src/core/topic-pattern',
      'src/core/transaction/participant-api.ts',
    ],
  },
  'src/core/group/pending': {
    imports: ['src/core', 'src/core/group', 'src/core/transaction/participant-api.ts'],
  },
  'src/core/topic': {
    imports: ['src/core', 'src/core/bytes', 'src/core/group', 'src/core/quota'],
  },
  'src/core/group/consumer': {
    imports: [
      'src/core',
      'src/core/group',
      'src/core/group/assign',
      'src/core/topic',
      'src/core/topic-pattern',
    ],
  },
  'src/core/group/classic': { imports: ['src/core', 'src/core/bytes', 'src/core/group'] },
  'src/core/log': {
    imports: [
      'src/core',
      'src/core/bytes',
      'src/core/batch',
      'src/core/compression',
      'src/core/topic',
      'src/core/transaction/participant-api.ts',
    ],
  },
  'src/core/transaction': {
    imports: [
      'src/core',
      'src/core/group',
      'src/core/topic',
      'src/core/transaction/participant-api.ts',
    ],
  },
  'src/core/streams': {
    imports: ['src/core', 'src/core/bytes', 'src/core/batch', 'src/core/log', 'src/core/topic'],
  },
  'src/core/sql': { imports: ['src/core'] },
  'src/core/sql/types': { imports: ['src/core', 'src/core/sql'] },
  'src/core/sql/syntax': { imports: ['src/core', 'src/core/sql', 'src/core/sql/types'] },
  'src/core/sql/functions': {
    imports: ['src/core', 'src/core/bytes', 'src/core/sql', 'src/core/sql/types'],
  },
  'src/core/sql/aggregates': {
    imports: ['src/core', 'src/core/sql', 'src/core/sql/types', 'src/core/sql/functions'],
  },
  'src/core/sql/expressions': {
    imports: [
      'src/core',
      'src/core/sql',
      'src/core/sql/types',
      'src/core/sql/syntax',
      'src/core/sql/functions',
      'src/core/sql/aggregates',
    ],
  },
  'src/core/sql/formats': {
    imports: [
      'src/core',
      'src/core/bytes',
      'src/core/json',
      'src/core/streams',
      'src/core/sql',
      'src/core/sql/types',
    ],
  },
  'src/core/sql/catalog': {
    imports: [...SQL_LANGUAGE, 'src/core/streams', 'src/core/topic'],
  },
  'src/core/sql/plan': {
    imports: [
      ...SQL_LANGUAGE,
      'src/core/sql/catalog',
      'src/core/streams',
      'src/core/batch',
      'src/core/bytes',
    ],
  },
  'src/core/sql/query': {
    imports: [
      ...SQL_LANGUAGE,
      'src/core/sql/catalog',
      'src/core/sql/plan',
      'src/core/streams',
      'src/core/batch',
      'src/core/bytes',
    ],
  },
  'src/core/sql/statements': {
    imports: [...SQL_LANGUAGE, 'src/core/sql/catalog', 'src/core/sql/plan', 'src/core/streams'],
  },
  'src/events': { imports: ['src/core'] },
  'durable-objects/migrate.ts': { imports: ['src/core'] },
  'durable-objects/next-turn.ts': { imports: [] },
  'durable-objects/reach.ts': { imports: ['src/core'] },
  'durable-objects/stop-object.ts': { imports: ['src/events'] },
  'durable-objects/object-alarm.ts': { imports: ['src/core'] },
  'durable-objects/partition': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/next-turn.ts',
      'durable-objects/stop-object.ts',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/coordinator': {
    imports: ['durable-objects/migrate.ts', 'durable-objects/next-turn.ts', 'src/events', ...CORE],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/group': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/object-alarm.ts',
      'durable-objects/stop-object.ts',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/transaction': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/object-alarm.ts',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/topologies.ts': { imports: ['src/core', 'src/core/streams'] },
  'durable-objects/task': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/next-turn.ts',
      'durable-objects/object-alarm.ts',
      'durable-objects/reach.ts',
      'durable-objects/stop-object.ts',
      'durable-objects/topologies.ts',
      'src/remote',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/application': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/object-alarm.ts',
      'durable-objects/reach.ts',
      'durable-objects/topologies.ts',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'durable-objects/catalog': {
    imports: [
      'durable-objects/migrate.ts',
      'durable-objects/object-alarm.ts',
      'durable-objects/stop-object.ts',
      'src/events',
      ...CORE,
    ],
    packages: ['cloudflare:workers'],
  },
  'src/remote': { imports: ['src/events', ...CORE] },
  'src/broker': { imports: ['src/remote', 'src/events', ...CORE] },
  'src/app': {
    imports: ['src/broker', 'src/events', ...CORE],
    packages: ['hono', '@hono/zod-openapi', 'zod'],
  },
  // Doors never import one another.
  'src/http': {
    imports: ['src/app', 'src/broker', 'src/events', ...CORE],
    packages: ['hono', '@hono/zod-openapi', 'zod'],
  },
  'src/streams': {
    imports: ['src/app', 'src/broker', 'src/events', ...CORE],
    packages: ['hono', '@hono/zod-openapi', 'zod'],
  },
  'src/sql': {
    imports: ['src/app', 'src/broker', 'src/events', ...CORE],
    packages: ['hono', '@hono/zod-openapi', 'zod'],
  },
  'src/ksql': {
    imports: ['src/app', 'src/broker', 'src/events', ...CORE],
    packages: ['@hono/zod-openapi'],
  },
  'src/kafka': { imports: ['src/app', 'src/broker', 'src/events', ...CORE] },
  'src/objects.ts': {
    imports: [
      'durable-objects/partition',
      'durable-objects/coordinator',
      'durable-objects/group',
      'durable-objects/transaction',
      'durable-objects/application',
      'durable-objects/task',
      'durable-objects/catalog',
    ],
  },
  'src/index.ts': {
    imports: [
      'src/app',
      'src/http',
      'src/kafka',
      'src/ksql',
      'src/streams',
      'src/sql',
      'src/objects.ts',
      'durable-objects/topologies.ts',
      'src/core/access',
      'src/core/sql/plan',
      'src/core/streams',
      'src/events',
    ],
  },
}

/** Files at the top of the client that every room of it may use. */
const CLIENT_BASE = [
  'client/limits.ts',
  'client/clock.ts',
  'client/codecs.ts',
  'client/decompressors.ts',
  'client/check-range.ts',
  'client/call-options.ts',
  'client/producer-id.ts',
  'client/emitter.ts',
]
/** Files about topics that all rooms of the client may use. */
const CLIENT_TOPICS = ['client/describe-topic.ts', 'client/topic-metadata.ts']
const BROWSER_BASE = [...CLIENT_BASE, 'client/browser/limits.ts']

const CLIENT_ROOMS: Record<string, Room> = {
  'client/limits.ts': { imports: [] },
  'client/clock.ts': { imports: ['client/limits.ts'] },
  'client/decompressors.ts': { imports: ['src/core/compression'] },
  'client/codecs.ts': { imports: ['client/decompressors.ts', 'src/core/compression'] },
  'client/check-range.ts': { imports: ['src/core'] },
  'client/call-options.ts': { imports: [] },
  'client/producer-id.ts': { imports: [] },
  'client/emitter.ts': { imports: [] },
  'client/typed-topic.ts': { imports: ['client/consumer', 'client/producer'] },
  'client/table.ts': {
    imports: [
      'client/call-options.ts',
      'client/http',
      'client/consumer',
      'client/typed-topic.ts',
      ...CORE,
    ],
  },
  'client/http': { imports: [...CLIENT_BASE, ...CORE] },
  'client/describe-topic.ts': { imports: ['client/http', 'src/core/log'] },
  'client/topic-metadata.ts': {
    imports: ['client/limits.ts', 'client/http', 'client/describe-topic.ts'],
  },
  'client/producer': { imports: [...CLIENT_BASE, ...CLIENT_TOPICS, 'client/http', ...CORE] },
  'client/consumer': { imports: [...CLIENT_BASE, ...CLIENT_TOPICS, 'client/http', ...CORE] },
  'client/group': {
    imports: [...CLIENT_BASE, 'client/http', 'client/consumer', 'client/producer', ...CORE],
  },
  'client/session': { imports: [...CLIENT_BASE, 'client/http', 'client/producer', ...CORE] },
  'client/sql': { imports: [...CLIENT_BASE, 'client/http', ...CORE] },
  client: {
    imports: [
      ...CLIENT_BASE,
      ...CLIENT_TOPICS,
      'client/typed-topic.ts',
      'client/table.ts',
      'client/session',
      'client/sql',
      'client/http',
      'client/producer',
      'client/consumer',
      'client/group',
      ...CORE,
    ],
  },
  'client/streams': { imports: [...CORE] },
  'client/streams/runner': {
    imports: [...CLIENT_BASE, 'client', 'client/http', 'client/consumer', ...CORE],
  },
  'client/streams/node': {
    imports: [
      ...CLIENT_BASE,
      ...CLIENT_TOPICS,
      'client',
      'client/http',
      'client/consumer',
      'client/producer',
      'client/streams',
      'client/streams/runner',
      ...CORE,
    ],
    packages: ['node:'],
  },
  'client/browser/limits.ts': { imports: [] },
  'client/browser/store': { imports: [...BROWSER_BASE, ...CORE], packages: ['idb'] },
  'client/browser/sync': {
    imports: [...BROWSER_BASE, 'client/http', 'client/consumer', ...CORE],
  },
  'client/browser/tabs': {
    imports: [...BROWSER_BASE, 'client/browser/store', 'client/browser/sync', ...CORE],
  },
  'client/browser/cache': {
    imports: [
      ...BROWSER_BASE,
      'client/http',
      'client/consumer',
      'client/describe-topic.ts',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      ...CORE,
    ],
  },
  'client/browser/session': {
    imports: [
      ...BROWSER_BASE,
      'client/http',
      'client/consumer',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      'client/browser/cache',
      ...CORE,
    ],
  },
  'client/browser/outbox': {
    imports: [
      ...BROWSER_BASE,
      ...CLIENT_TOPICS,
      'client/http',
      'client/producer',
      'client/consumer',
      'client/browser/session',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      'client/browser/cache',
      ...CORE,
    ],
  },
  'client/browser/reading': {
    imports: [
      ...BROWSER_BASE,
      ...CLIENT_TOPICS,
      'client/http',
      'client/consumer',
      'client/group',
      'client/browser/session',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      'client/browser/cache',
      'client/browser/outbox',
      ...CORE,
    ],
  },
  'client/browser/table': {
    imports: [
      ...BROWSER_BASE,
      'client/describe-topic.ts',
      'client/typed-topic.ts',
      'client/table.ts',
      'client/http',
      'client/consumer',
      'client/browser/reading',
      'client/browser/session',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      ...CORE,
    ],
  },
  'client/browser': {
    imports: [
      ...BROWSER_BASE,
      ...CLIENT_TOPICS,
      'client/typed-topic.ts',
      'client/table.ts',
      'client/http',
      'client/producer',
      'client/consumer',
      'client/group',
      'client/browser/session',
      'client/browser/store',
      'client/browser/sync',
      'client/browser/tabs',
      'client/browser/outbox',
      'client/browser/cache',
      'client/browser/reading',
      'client/browser/table',
      ...CORE,
    ],
  },
  'client/browser/streams': {
    imports: [
      ...BROWSER_BASE,
      'client/http',
      'client/consumer',
      'client/streams',
      'client/streams/runner',
      'client/browser',
      'client/browser/session',
      'client/browser/store',
      'client/browser/tabs',
      'client/browser/outbox',
      ...CORE,
    ],
  },
  'client/browser/sql': {
    imports: [
      ...BROWSER_BASE,
      'client/http',
      'client/consumer',
      'client/sql',
      'client/streams/runner',
      'client/browser',
      'client/browser/session',
      ...CORE,
    ],
  },
  'client/cli/bridge': {
    imports: ['src/core', 'src/core/bytes', 'src/core/kafka'],
    packages: ['node:', 'ws'],
  },
  'client/cli/backup': {
    imports: ['client', ...CORE],
    packages: ['node:'],
  },
  'client/cli/limits.ts': { imports: [] },
  'client/cli/table.ts': { imports: [] },
  'client/cli/sql': {
    imports: ['client', 'client/cli/limits.ts', 'client/cli/table.ts', ...CORE],
    packages: ['node:'],
  },
  'client/cli': {
    imports: [
      ...['client', 'client/clock.ts', 'client/cli/limits.ts', 'client/cli/table.ts'],
      ...['client/cli/bridge', 'client/cli/backup', 'client/cli/sql', ...CORE],
    ],
    packages: ['node:', 'commander', 'cli-progress', 'miniflare'],
  },
  'client/testing': {
    imports: ['client', 'client/cli', 'client/cli/bridge'],
    packages: ['node:'],
  },
}

export const ROOMS: Readonly<Record<string, Room>> = { ...SERVER_ROOMS, ...CLIENT_ROOMS }
