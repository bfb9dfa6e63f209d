/** The caller of Kafka's frames: its connection or the headers that describe it, and the settings of the deployment. */

import { authenticate, isLoopback } from '../app/access.ts'
import type { EdgelogEnv } from '../app/bindings.ts'
import { type AppContext, type AppParts, brokerFor, brokerOf, callerError } from '../app/env.ts'
import { EdgelogError } from '../core/errors.ts'
import { parseConnectionNumber } from '../core/kafka/connection-numbers.ts'
import {
  FETCH_BYTES_MAX,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  PARTITIONS_MAX,
  RETENTION_CHECK_INTERVAL_MS_DEFAULT,
} from '../core/limits.ts'
import { numberSetting } from '../events/number-setting.ts'
import type { HostAndPort, KafkaSettings } from './handled.ts'
import type { KafkaCaller } from './serve-frames.ts'

/** Kafka's default. */
const NUM_PARTITIONS_DEFAULT = 1
const PORT_DEFAULT = 9092
const PORT_MAX = 65_535

/** @param isSession true if the caller sends further frames after its first responses. */
export function kafkaCallerOf(c: AppContext, isSession: boolean): KafkaCaller {
  return {
    broker: brokerOf(c, isSession),
    clientHost: clientHostOf(c),
    address: addressOf(c),
    settings: settingsOf(c.env),
    responseBytesMax: FETCH_BYTES_MAX,
    isAuthorized: callerError(c) === undefined,
    connection: parseConnectionNumber(c.req.header('edgelog-kafka-connection')),
  }
}

/** Returns the caller of a TCP connection, by the addresses that the runtime gives it. */
export function kafkaCallerOfSocket(
  { localAddress, remoteAddress }: SocketInfo,
  parts: AppParts,
  token: string | undefined,
  connection: number,
): KafkaCaller {
  const local = hostAndPort(localAddress)
  const isLocal = local !== undefined && isLoopback(local.host)
  const caller = authenticate(
    parts.env,
    () => token,
    () => isLocal,
  )
  const host = local === undefined || isLocal ? 'localhost' : withoutBrackets(local.host)
  return {
    broker: brokerFor(parts, caller, true),
    clientHost: withoutBrackets(hostAndPort(remoteAddress)?.host ?? ''),
    address: { host, port: local?.port ?? PORT_DEFAULT },
    settings: settingsOf(parts.env),
    responseBytesMax: FETCH_BYTES_MAX,
    isAuthorized: !(caller instanceof EdgelogError),
    connection,
  }
}

/** Returns the client's IP address. A group stores it for its members, so anything else is dropped. */
function clientHostOf(c: AppContext): string {
  const given = c.req.header('edgelog-kafka-client') ?? ''
  return /^[0-9a-f.:%]{0,64}$/i.test(given) ? given : ''
}

/** Returns the address that clients connect to; the bridge sends its own address. */
function addressOf(c: AppContext): HostAndPort {
  const given = hostAndPort(c.req.header('edgelog-kafka-address'))
  const { host, port } = given ?? { host: new URL(c.req.url).hostname, port: PORT_DEFAULT }
  return { host: withoutBrackets(host), port }
}

/** Reads `host:port`, with an IPv6 address in brackets. */
function hostAndPort(text = ''): HostAndPort | undefined {
  const match = /^(\[[0-9a-f:.%]+\]|[\w.-]{1,255}):(\d{1,5})$/i.exec(text)
  const [, host = '', digits] = match ?? []
  const port = Number(digits)
  return port >= 1 && port <= PORT_MAX ? { host, port } : undefined
}

function withoutBrackets(host: string): string {
  return host.replaceAll(/[[\]]/g, '')
}

/** Returns Kafka's broker configs that a deployment may set. */
function settingsOf(env: EdgelogEnv): KafkaSettings {
  return {
    autoCreateTopics: env.EDGELOG_AUTO_CREATE_TOPICS !== 'false',
    numPartitions: numberSetting(
      'EDGELOG_NUM_PARTITIONS',
      env.EDGELOG_NUM_PARTITIONS,
      NUM_PARTITIONS_DEFAULT,
      PARTITIONS_MAX,
    ),
    offsetsRetentionMinutes: numberSetting(
      'EDGELOG_OFFSETS_RETENTION_MINUTES',
      env.EDGELOG_OFFSETS_RETENTION_MINUTES,
      OFFSETS_RETENTION_MINUTES_DEFAULT,
    ),
    retentionCheckIntervalMs: numberSetting(
      'EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS',
      env.EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS,
      RETENTION_CHECK_INTERVAL_MS_DEFAULT,
    ),
  }
}
