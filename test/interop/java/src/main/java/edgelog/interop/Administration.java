package edgelog.interop;

import static org.apache.kafka.common.acl.AclOperation.ALTER;
import static org.apache.kafka.common.acl.AclOperation.ALTER_CONFIGS;
import static org.apache.kafka.common.acl.AclOperation.CLUSTER_ACTION;
import static org.apache.kafka.common.acl.AclOperation.CREATE;
import static org.apache.kafka.common.acl.AclOperation.DELETE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE_CONFIGS;
import static org.apache.kafka.common.acl.AclOperation.IDEMPOTENT_WRITE;
import static org.apache.kafka.common.acl.AclOperation.READ;
import static org.apache.kafka.common.acl.AclOperation.WRITE;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.InvalidUpdateVersionException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Checks administration requests: the results must be those of one broker without security. */
final class Administration {
  private static final int NODE = 1;

  static void operations(World world) throws Exception {
    String topic = world.newTopic(1);
    try (Admin admin = world.admin()) {
      DescribeClusterOptions cluster = new DescribeClusterOptions();
      Check.equal(
          null, admin.describeCluster(cluster).authorizedOperations().get(),
          "operations without a request");
      cluster.includeAuthorizedOperations(true);
      Check.equal(
          Set.of(
              CREATE,
              ALTER,
              DESCRIBE,
              CLUSTER_ACTION,
              DESCRIBE_CONFIGS,
              ALTER_CONFIGS,
              IDEMPOTENT_WRITE),
          admin.describeCluster(cluster).authorizedOperations().get(),
          "operations of the cluster");
      DescribeTopicsOptions topics = new DescribeTopicsOptions().includeAuthorizedOperations(true);
      Check.equal(
          Set.of(READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
          admin.describeTopics(List.of(topic), topics).allTopicNames().get().get(topic)
              .authorizedOperations(),
          "operations of a topic");
      for (String[] protocol : List.of(Groups.RANGE, Groups.CONSUMER))
        ofGroup(world, admin, protocol, topic);
    }
  }

  private static void ofGroup(World world, Admin admin, String[] protocol, String topic)
      throws Exception {
    String group = world.name();
    try (Member member = Groups.member(world, Groups.and(protocol, "group.id", group), topic)) {
      Groups.holds(member, 1);
      DescribeConsumerGroupsOptions options =
          new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true);
      Set<AclOperation> operations =
          admin.describeConsumerGroups(List.of(group), options).all().get().get(group)
              .authorizedOperations();
      Check.equal(
          Set.of(READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
          operations,
          "operations of a group");
    }
  }

  static void features(World world) throws Exception {
    try (Admin admin = world.admin()) {
      FeatureMetadata features = admin.describeFeatures().featureMetadata().get();
      Check.equal(
          Set.of("group.version", "metadata.version", "transaction.version"),
          features.finalizedFeatures().keySet(),
          "finalized features");
      Check.equal(
          features.finalizedFeatures().keySet(),
          features.supportedFeatures().keySet(),
          "supported features");
      Check.equal(
          (short) 1,
          features.finalizedFeatures().get("group.version").maxVersionLevel(),
          "group.version");
      Check.that(features.finalizedFeaturesEpoch().isPresent(), "the epoch of features");
      update(admin, "group.version", 1);
      Check.refused(
          InvalidUpdateVersionException.class,
          "an unsupported feature",
          () -> update(admin, "share.version", 1));
    }
  }

  private static Void update(Admin admin, String feature, int level) throws Exception {
    FeatureUpdate update =
        new FeatureUpdate((short) level, FeatureUpdate.UpgradeType.UPGRADE);
    return admin.updateFeatures(Map.of(feature, update), new UpdateFeaturesOptions()).all().get();
  }

  static void node(World world) throws Exception {
    String topic = world.newTopic(2);
    try (Admin admin = world.admin()) {
      logDirs(world, admin, topic);
      QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
      Check.equal(NODE, quorum.leaderId(), "the leader of the quorum");
      Check.equal(1, quorum.voters().size(), "voters");
      Check.that(quorum.observers().isEmpty(), "observers");
      Collection<ConfigResource> resources = admin.listConfigResources().all().get();
      for (ConfigResource wanted :
          List.of(
              new ConfigResource(ConfigResource.Type.TOPIC, topic),
              new ConfigResource(ConfigResource.Type.BROKER, "1"))) {
        Check.that(resources.contains(wanted), "listed: " + wanted);
      }
      partitions(admin, topic);
    }
  }

  private static void logDirs(World world, Admin admin, String topic) throws Exception {
    try (KafkaProducer<String, String> producer = world.producer()) {
      producer.send(new ProducerRecord<>(topic, 0, "k", "v".repeat(1_000))).get();
    }
    Map<String, LogDirDescription> dirs =
        admin.describeLogDirs(List.of(NODE)).allDescriptions().get().get(NODE);
    Check.equal(1, dirs.size(), "log directories");
    LogDirDescription dir = dirs.values().iterator().next();
    Check.that(dir.error() == null, "the directory has no error");
    Check.that(dir.replicaInfos().get(new TopicPartition(topic, 0)).size() > 1_000, "a size");
    Check.equal(0L, dir.replicaInfos().get(new TopicPartition(topic, 1)).size(), "an empty log");
    TopicPartitionReplica replica = new TopicPartitionReplica(topic, 0, NODE);
    String current =
        admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica)
            .getCurrentReplicaLogDir();
    Check.equal(dirs.keySet().iterator().next(), current, "directory of a replica");
  }

  private static void partitions(Admin admin, String topic) throws Exception {
    TopicPartition there = new TopicPartition(topic, 0);
    TopicPartition missing = new TopicPartition(topic, 9);
    for (ElectionType type : ElectionType.values()) {
      Map<TopicPartition, Optional<Throwable>> elected =
          admin.electLeaders(type, Set.of(there, missing)).partitions().get();
      Check.that(
          elected.get(there).orElseThrow() instanceof ElectionNotNeededException, "no election");
      Check.that(
          elected.get(missing).orElseThrow() instanceof UnknownTopicOrPartitionException,
          "election of an unknown partition");
      Check.that(
          admin.electLeaders(type, null).partitions().get().isEmpty(),
          "election of all partitions");
    }
    reassign(admin, there, Optional.of(new NewPartitionReassignment(List.of(NODE))));
    Check.refused(
        InvalidReplicaAssignmentException.class,
        "reassignment to another node",
        () -> reassign(admin, there, Optional.of(new NewPartitionReassignment(List.of(2)))));
    Check.refused(
        NoReassignmentInProgressException.class,
        "cancelling no reassignment",
        () -> reassign(admin, there, Optional.empty()));
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "an unknown partition",
        () -> reassign(admin, missing, Optional.empty()));
    Check.that(admin.listPartitionReassignments().reassignments().get().isEmpty(), "reassignments");
  }

  private static Void reassign(
      Admin admin, TopicPartition partition, Optional<NewPartitionReassignment> target)
      throws Exception {
    return admin.alterPartitionReassignments(Map.of(partition, target)).all().get();
  }

  static void quotas(World world) throws Exception {
    String user = world.name();
    ClientQuotaEntity entity =
        new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, user, ClientQuotaEntity.CLIENT_ID,
        "c"));
    try (Admin admin = world.admin()) {
      alter(admin, entity, "producer_byte_rate", 1_000.0);
      alter(admin, entity, "request_percentage", 0.5);
      Check.equal(
          Map.of(entity, Map.of("producer_byte_rate", 1_000.0, "request_percentage", 0.5)),
          quotasOf(admin, user),
          "quotas");
      for (Object[] wrong :
          new Object[][] {{"producer_byte_rate", -1.0}, {"producer_byte_rate", 1.5}, {"nope", 1.0}}) {
        Check.refused(
            InvalidRequestException.class,
            wrong[0] + "=" + wrong[1],
            () -> alter(admin, entity, (String) wrong[0], (Double) wrong[1]));
      }
      alter(admin, entity, "producer_byte_rate", null);
      alter(admin, entity, "request_percentage", null);
      Check.equal(Map.of(), quotasOf(admin, user), "no quotas");
      Check.that(
          admin.describeUserScramCredentials().all().get().isEmpty(), "credentials of users");
    }
  }

  private static Void alter(Admin admin, ClientQuotaEntity entity, String key, Double value)
      throws Exception {
    ClientQuotaAlteration.Op op = new ClientQuotaAlteration.Op(key, value);
    return admin
        .alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(op))))
        .all()
        .get();
  }

  private static Map<ClientQuotaEntity, Map<String, Double>> quotasOf(Admin admin, String user)
      throws Exception {
    ClientQuotaFilterComponent named =
        ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, user);
    return admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(named))).entities().get();
  }

  static void acls(World world) {
    AclBinding acl =
        new AclBinding(
            new ResourcePattern(ResourceType.TOPIC, "t", PatternType.LITERAL),
            new AccessControlEntry("User:a", "*", READ, AclPermissionType.ALLOW));
    try (Admin admin = world.admin()) {
      Check.refused(
          SecurityDisabledException.class,
          "describing ACLs",
          () -> admin.describeAcls(AclBindingFilter.ANY).values().get());
      Check.refused(
          SecurityDisabledException.class,
          "creating ACLs",
          () -> admin.createAcls(List.of(acl)).all().get());
      Check.refused(
          SecurityDisabledException.class,
          "deleting ACLs",
          () -> admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get());
    }
  }

  private Administration() {}
}
