/** The served APIs; only these are advertised. */

import { addOffsetsToTxnApi } from './apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from './apis/add-partitions-to-txn.ts'
import { alterClientQuotasApi } from './apis/alter-client-quotas.ts'
import { alterConfigsApi } from './apis/alter-configs.ts'
import { alterPartitionReassignmentsApi } from './apis/alter-partition-reassignments.ts'
import { alterReplicaLogDirsApi } from './apis/alter-replica-log-dirs.ts'
import { API_VERSIONS, apiVersionsApi } from './apis/api-versions.ts'
import { consumerGroupDescribeApi } from './apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from './apis/consumer-group-heartbeat.ts'
import { createAclsApi } from './apis/create-acls.ts'
import { createPartitionsApi } from './apis/create-partitions.ts'
import { createTopicsApi } from './apis/create-topics.ts'
import { deleteAclsApi } from './apis/delete-acls.ts'
import { deleteGroupsApi } from './apis/delete-groups.ts'
import { deleteRecordsApi } from './apis/delete-records.ts'
import { deleteTopicsApi } from './apis/delete-topics.ts'
import { describeAclsApi } from './apis/describe-acls.ts'
import { describeClientQuotasApi } from './apis/describe-client-quotas.ts'
import { describeClusterApi } from './apis/describe-cluster.ts'
import { describeConfigsApi } from './apis/describe-configs.ts'
import { describeGroupsApi } from './apis/describe-groups.ts'
import { describeLogDirsApi } from './apis/describe-log-dirs.ts'
import { describeProducersApi } from './apis/describe-producers.ts'
import { describeQuorumApi } from './apis/describe-quorum.ts'
import { describeTopicPartitionsApi } from './apis/describe-topic-partitions.ts'
import { describeTransactionsApi } from './apis/describe-transactions.ts'
import { describeUserScramCredentialsApi } from './apis/describe-user-scram-credentials.ts'
import { electLeadersApi } from './apis/elect-leaders.ts'
import { endTxnApi } from './apis/end-txn.ts'
import { fetchApi } from './apis/fetch.ts'
import { findCoordinatorApi } from './apis/find-coordinator.ts'
import { heartbeatApi } from './apis/heartbeat.ts'
import { incrementalAlterConfigsApi } from './apis/incremental-alter-configs.ts'
import { initProducerIdApi } from './apis/init-producer-id.ts'
import { joinGroupApi } from './apis/join-group.ts'
import { leaveGroupApi } from './apis/leave-group.ts'
import { listConfigResourcesApi } from './apis/list-config-resources.ts'
import { listGroupsApi } from './apis/list-groups.ts'
import { listOffsetsApi } from './apis/list-offsets.ts'
import { listPartitionReassignmentsApi } from './apis/list-partition-reassignments.ts'
import { listTransactionsApi } from './apis/list-transactions.ts'
import { metadataApi } from './apis/metadata.ts'
import { offsetCommitApi } from './apis/offset-commit.ts'
import { offsetDeleteApi } from './apis/offset-delete.ts'
import { offsetFetchApi } from './apis/offset-fetch.ts'
import { offsetForLeaderEpochApi } from './apis/offset-for-leader-epoch.ts'
import { produceApi } from './apis/produce.ts'
import { saslAuthenticateApi } from './apis/sasl-authenticate.ts'
import { saslHandshakeApi } from './apis/sasl-handshake.ts'
import { syncGroupApi } from './apis/sync-group.ts'
import { txnOffsetCommitApi } from './apis/txn-offset-commit.ts'
import { updateFeaturesApi } from './apis/update-features.ts'
import { writeTxnMarkersApi } from './apis/write-txn-markers.ts'
import type { KafkaApi } from './handled.ts'

const APIS: readonly KafkaApi[] = [
  produceApi,
  fetchApi,
  metadataApi,
  consumerGroupDescribeApi,
  consumerGroupHeartbeatApi,
  deleteGroupsApi,
  describeGroupsApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  syncGroupApi,
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
  writeTxnMarkersApi,
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  alterConfigsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeTopicPartitionsApi,
  findCoordinatorApi,
  incrementalAlterConfigsApi,
  initProducerIdApi,
  listOffsetsApi,
  listPartitionReassignmentsApi,
  offsetForLeaderEpochApi,
  saslAuthenticateApi,
  saslHandshakeApi,
  alterPartitionReassignmentsApi,
  alterReplicaLogDirsApi,
  createAclsApi,
  deleteAclsApi,
  describeAclsApi,
  describeLogDirsApi,
  describeQuorumApi,
  describeUserScramCredentialsApi,
  electLeadersApi,
  listConfigResourcesApi,
  alterClientQuotasApi,
  describeClientQuotasApi,
  updateFeaturesApi,
  apiVersionsApi(() => APIS.map(({ messages }) => messages)),
]

const BY_KEY = new Map(APIS.map((api) => [api.messages.key, api]))

/** The APIs by which a client authenticates. */
const OPEN_TO_ALL = new Set<number>([
  API_VERSIONS.key,
  saslHandshakeApi.messages.key,
  saslAuthenticateApi.messages.key,
])

export function apiOf(key: number): KafkaApi | undefined {
  return BY_KEY.get(key)
}

/** Returns whether an API is served before the caller has authenticated. */
export function isOpenToAll(key: number): boolean {
  return OPEN_TO_ALL.has(key)
}
