/** Requests that real clients have sent, without their size. */
import { type Messages, NO_UUID, type RequestOf } from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { INIT_PRODUCER_ID } from '../../src/kafka/apis/init-producer-id.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { fromHex } from '../core/kafka/hex.ts'

const JAVA = '0010 636f6e736f6c652d70726f6475636572'
const LIBRDKAFKA = '0007 72646b61666b61'

/** One record k=v with the header h1=x. */
const LIBRDKAFKA_BATCH = `0000000000000000 0000003f 00000000 02 dac8082b 0000 00000000
  000001a202acd535 000001a202acd535 ffffffffffffffff ffff ffffffff 00000001
  1a 00 00 00 02 6b 02 76 02 04 6831 02 78`
/** One record key1=value1 of producer 1000. */
const JAVA_BATCH = `0000000000000000 00000042 ffffffff 02 b26d6706 0000 00000000
  000001a202acd4bb 000001a202acd4bb 00000000000003e8 0000 00000000 00000001
  20 00 00 00 08 6b657931 0c 76616c756531 00`

export interface Golden {
  readonly title: string
  readonly messages: Messages
  readonly version: number
  readonly correlationId: number
  readonly hex: string
  readonly value: Record<string, unknown>
}

function request<M extends Messages>(
  messages: M,
  version: number,
  [title, correlationId, clientId]: readonly [string, number, string],
  hex: string,
  value: RequestOf<M>,
): Golden & { readonly clientId: string } {
  return { title, messages, version, correlationId, clientId, hex, value }
}

export const GOLDEN_REQUESTS = [
  request(
    API_VERSIONS,
    4,
    ['ApiVersions v4 of Java', 0, 'console-producer'],
    `0012 0004 00000000 ${JAVA} 00 12 6170616368652d6b61666b612d6a617661 06 342e332e30 00`,
    { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.0' },
  ),
  request(
    API_VERSIONS,
    3,
    ['ApiVersions v3 of librdkafka', 1, 'rdkafka'],
    `0012 0003 00000001 ${LIBRDKAFKA} 00 0b 6c696272646b61666b61 06 322e302e32 00`,
    { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.0.2' },
  ),
  request(
    METADATA,
    4,
    ['Metadata v4 of librdkafka', 2, 'rdkafka'],
    `0003 0004 00000002 ${LIBRDKAFKA} 00000001 0004 64656d6f 01`,
    {
      topics: [{ topicId: NO_UUID, name: 'demo' }],
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    },
  ),
  request(
    METADATA,
    13,
    ['Metadata v13 of Java', 1, 'console-producer'],
    `0003 000d 00000001 ${JAVA} 00 02 00000000000000000000000000000000 05 64656d6f 00 01 00 00`,
    {
      topics: [{ topicId: NO_UUID, name: 'demo' }],
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    },
  ),
  request(
    INIT_PRODUCER_ID,
    5,
    ['InitProducerId v5 of Java', 2, 'console-producer'],
    `0016 0005 00000002 ${JAVA} 00 00 7fffffff ffffffffffffffff ffff 00`,
    {
      transactionalId: null,
      transactionTimeoutMs: 2_147_483_647,
      producerId: -1n,
      producerEpoch: -1,
    },
  ),
  request(
    PRODUCE,
    7,
    ['Produce v7 of librdkafka', 3, 'rdkafka'],
    `0000 0007 00000003 ${LIBRDKAFKA} ffff ffff 00007530 00000001 0004 64656d6f 00000001 00000000
     0000004b ${LIBRDKAFKA_BATCH}`,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topics: [
        {
          name: 'demo',
          topicId: NO_UUID,
          partitions: [{ index: 0, records: fromHex(LIBRDKAFKA_BATCH) }],
        },
      ],
    },
  ),
  request(
    PRODUCE,
    13,
    ['Produce v13 with a batch of Java', 5, 'console-producer'],
    `0000 000d 00000005 ${JAVA} 00 00 ffff 000005dc 02 000102030405060708090a0b0c0d0e0f
     02 00000000 4f ${JAVA_BATCH} 00 00 00`,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_500,
      topics: [
        {
          name: '',
          topicId: '00010203-0405-0607-0809-0a0b0c0d0e0f',
          partitions: [{ index: 0, records: fromHex(JAVA_BATCH) }],
        },
      ],
    },
  ),
]
