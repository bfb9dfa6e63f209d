/** The caller of Kafka's frames: the headers that describe the client, and the settings of the deployment. */

import type { EdgelogEnv } from '../app/bindings.ts'
import { type AppContext, brokerOf, callerError } from '../app/env.ts'
import {
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
    isAuthorized: callerError(c) === undefined,
  }
}

/** Returns the client's IP address. A group stores it for its members, so anything else is dropped. */
function clientHostOf(c: AppContext): string {
  const given = c.req.header('edgelog-kafka-client') ?? ''
  return /^[0-9a-f.:%]{0,64}$/i.test(given) ? given : ''
}

/** Returns the address that clients connect to; the bridge sends its own address. */
function addressOf(c: AppContext): HostAndPort {
  const given = c.req.header('edgelog-kafka-address') ?? ''
  const match = /^(\[[0-9a-f:.%]+\]|[\w.-]{1,255}):(\d{1,5})$/i.exec(given)
  const [, host = '', port] = match ?? []
  const isAddress = Number(port) >= 1 && Number(port) <= PORT_MAX
  if (isAddress) return { host: withoutBrackets(host), port: Number(port) }
  return { host: withoutBrackets(new URL(c.req.url).hostname), port: PORT_DEFAULT }
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
