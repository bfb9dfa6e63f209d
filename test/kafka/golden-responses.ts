/** Administrative responses that a broker of Kafka 4.3 has sent, without their size. */
import { type Messages, NO_UUID, type ResponseOf } from '../../src/core/kafka/schema.ts'
import { ALTER_CLIENT_QUOTAS } from '../../src/kafka/apis/alter-client-quotas.ts'
import { ALTER_PARTITION_REASSIGNMENTS } from '../../src/kafka/apis/alter-partition-reassignments.ts'
import { DESCRIBE_ACLS } from '../../src/kafka/apis/describe-acls.ts'
import { DESCRIBE_CLIENT_QUOTAS } from '../../src/kafka/apis/describe-client-quotas.ts'
import { DESCRIBE_LOG_DIRS } from '../../src/kafka/apis/describe-log-dirs.ts'
import { DESCRIBE_QUORUM } from '../../src/kafka/apis/describe-quorum.ts'
import { ELECT_LEADERS } from '../../src/kafka/apis/elect-leaders.ts'
import { LIST_CONFIG_RESOURCES } from '../../src/kafka/apis/list-config-resources.ts'
import type { Golden } from './golden-requests.ts'

export function response<M extends Messages>(
  messages: M,
  version: number,
  [title, correlationId]: readonly [string, number],
  hex: string,
  value: ResponseOf<M>,
): Golden {
  return { title, messages, version, correlationId, hex, value }
}

const ALICE = [{ entityType: 'user', entityName: 'alice' }]
const QUOTAS = [{ entity: ALICE, values: [{ key: 'request_percentage', value: 0.25 }] }]
const VOTER = {
  replicaId: 1,
  replicaDirectoryId: NO_UUID,
  logEndOffset: 4_973,
  lastFetchTimestamp: 1_795_965_653_946,
  lastCaughtUpTimestamp: 1_795_965_653_946,
}

export const ADMINISTRATION = [
  response(
    ALTER_CLIENT_QUOTAS,
    1,
    ['AlterClientQuotas v1', 7],
    '00000007 00 00000000 02 0000 00 02 05 75736572 06 616c696365 00 00 00',
    { entries: [{ errorCode: 0, errorMessage: null, entity: ALICE }] },
  ),
  response(
    DESCRIBE_CLIENT_QUOTAS,
    0,
    ['DescribeClientQuotas v0, with a float64', 7],
    `00000007 00000000 0000 0000 00000001 00000001 0004 75736572 0005 616c696365
     00000001 0012 726571756573745f70657263656e74616765 3fd0000000000000`,
    { errorCode: 0, errorMessage: '', entries: QUOTAS },
  ),
  response(
    DESCRIBE_CLIENT_QUOTAS,
    1,
    ['DescribeClientQuotas v1', 7],
    `00000007 00 00000000 0000 01 02 02 05 75736572 06 616c696365 00
     02 13 726571756573745f70657263656e74616765 3fd0000000000000 00 00 00`,
    { errorCode: 0, errorMessage: '', entries: QUOTAS },
  ),
  response(
    DESCRIBE_QUORUM,
    2,
    ['DescribeQuorum v2, with a uint16 above those of an int16', 7],
    `00000007 00 0000 01 02 13 5f5f636c75737465725f6d65746164617461 02 00000000 0000 01
     00000001 00000005 000000000000136d
     02 00000001 00000000000000000000000000000000 000000000000136d
     000001a227e513ba 000001a227e513ba 00 01 00 00
     02 00000001 02 0b 434f4e54524f4c4c4552 0a 6c6f63616c686f7374 9919 00 00 00`,
    {
      errorCode: 0,
      errorMessage: '',
      topics: [
        {
          topicName: '__cluster_metadata',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              errorMessage: '',
              leaderId: 1,
              leaderEpoch: 5,
              highWatermark: 4_973,
              currentVoters: [VOTER],
              observers: [],
            },
          ],
        },
      ],
      nodes: [{ nodeId: 1, listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 39_193 }] }],
    },
  ),
  response(
    ELECT_LEADERS,
    2,
    ['ElectLeaders v2', 7],
    `00000007 00 00000000 0000 02 03 7074 02 00000000 0054
     30 4c656164657220656c656374696f6e206e6f74206e656564656420666f7220746f70696320706172746974696f6e2e
     00 00 00`,
    {
      errorCode: 0,
      replicaElectionResults: [
        {
          topic: 'pt',
          partitionResult: [
            {
              partitionId: 0,
              errorCode: 84,
              errorMessage: 'Leader election not needed for topic partition.',
            },
          ],
        },
      ],
    },
  ),
  response(
    DESCRIBE_LOG_DIRS,
    5,
    ['DescribeLogDirs v5', 7],
    `00000007 00 00000000 0000 02 0000 14 2f7661722f6c69622f6b61666b612f64617461
     02 03 7074 02 00000000 0000000000000000 0000000000000000 00 00 00
     0000003efe39d000 000000130cdee000 00 00 00`,
    {
      errorCode: 0,
      results: [
        {
          errorCode: 0,
          logDir: '/var/lib/kafka/data',
          topics: [
            {
              name: 'pt',
              partitions: [
                { partitionIndex: 0, partitionSize: 0, offsetLag: 0, isFutureKey: false },
              ],
            },
          ],
          totalBytes: 270_553_174_016,
          usableBytes: 81_820_311_552,
          isCordoned: false,
        },
      ],
    },
  ),
  response(
    LIST_CONFIG_RESOURCES,
    1,
    ['ListConfigResources v1', 7],
    '00000007 00 00000000 0000 02 02 31 04 00 00',
    { errorCode: 0, configResources: [{ resourceName: '1', resourceType: 4 }] },
  ),
  response(
    ALTER_PARTITION_REASSIGNMENTS,
    1,
    ['AlterPartitionReassignments v1', 7],
    '00000007 00 00000000 01 0000 00 02 03 7074 02 00000000 0055 00 00 00 00',
    {
      allowReplicationFactorChange: true,
      errorCode: 0,
      responses: [
        { name: 'pt', partitions: [{ partitionIndex: 0, errorCode: 85, errorMessage: null }] },
      ],
    },
  ),
  response(
    DESCRIBE_ACLS,
    3,
    ['DescribeAcls v3', 7],
    `00000007 00 00000000 0036 2a
     4e6f20417574686f72697a657220697320636f6e66696775726564206f6e207468652062726f6b6572 01 00`,
    {
      errorCode: 54,
      errorMessage: 'No Authorizer is configured on the broker',
      resources: [],
    },
  ),
]
