package edgelog.interop;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigType;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Describes and alters configs of topics and groups; describes those of the broker. */
final class Configs {
  static void play(World world) throws Exception {
    ConfigResource topic =
        new ConfigResource(
            ConfigResource.Type.TOPIC, world.newTopic(1, Map.of("retention.ms", "1000000")));
    try (Admin admin = world.admin()) {
      described(admin, topic);
      changed(admin, topic);
      own(world, admin, topic);
      refused(admin, topic);
      broker(admin);
      group(world, admin);
    }
  }

  private static void described(Admin admin, ConfigResource topic) throws Exception {
    Config config = describe(admin, topic);
    ConfigEntry set = config.get("retention.ms");
    Check.equal("1000000", set.value(), "a config that was set");
    Check.equal(ConfigSource.DYNAMIC_TOPIC_CONFIG, set.source(), "its source");
    Check.equal(ConfigType.LONG, set.type(), "its type");
    Check.that(
        !set.isDefault() && !set.isReadOnly() && !set.isSensitive(),
        "flags of a config that was set");
    Check.that(set.documentation() != null && set.synonyms().size() > 1, "documentation, synonyms");
    ConfigEntry unset = config.get("cleanup.policy");
    Check.equal("delete", unset.value(), "a default");
    Check.equal(ConfigSource.DEFAULT_CONFIG, unset.source(), "the source of a default");
    Check.equal(ConfigType.LIST, unset.type(), "its type");
  }

  private static void changed(Admin admin, ConfigResource topic) throws Exception {
    AlterConfigOp set = op("retention.ms", "2000000", OpType.SET);
    Map<ConfigResource, Collection<AlterConfigOp>> wanted = Map.of(topic, List.of(set));
    admin.incrementalAlterConfigs(wanted, new AlterConfigsOptions().validateOnly(true)).all().get();
    Check.equal("1000000", value(admin, topic, "retention.ms"), "a value that was only validated");
    alter(admin, topic, set, op("cleanup.policy", "compact", OpType.APPEND));
    Check.equal("2000000", value(admin, topic, "retention.ms"), "set");
    Check.equal("delete,compact", value(admin, topic, "cleanup.policy"), "append");
    alter(
        admin,
        topic,
        op("cleanup.policy", "delete", OpType.SUBTRACT),
        op("retention.ms", null, OpType.DELETE));
    Check.equal("compact", value(admin, topic, "cleanup.policy"), "subtract");
    Check.equal("604800000", value(admin, topic, "retention.ms"), "delete");
  }

  /** Checks a config that Kafka does not have. */
  private static void own(World world, Admin admin, ConfigResource topic) throws Exception {
    String name = "edgelog.public.read";
    Check.equal("false", value(admin, topic, name), "the default of an own config");
    alter(admin, topic, op(name, "true", OpType.SET));
    ConfigEntry set = describe(admin, topic).get(name);
    Check.equal("true", set.value(), "an own config that was set");
    Check.equal(ConfigType.BOOLEAN, set.type(), "its type");
    String created = world.newTopic(1, Map.of(name, "true"));
    ConfigResource other = new ConfigResource(ConfigResource.Type.TOPIC, created);
    Check.equal("true", value(admin, other, name), "an own config of a new topic");
    Check.refused(
        InvalidConfigurationException.class,
        "an invalid value of an own config",
        () -> alter(admin, topic, op(name, "yes", OpType.SET)));
  }

  private static void refused(Admin admin, ConfigResource topic) {
    Check.refused(
        InvalidConfigurationException.class,
        "an unknown config",
        () -> alter(admin, topic, op("no.such.config", "1", OpType.SET)));
    Check.refused(
        InvalidConfigurationException.class,
        "an invalid value",
        () -> alter(admin, topic, op("retention.ms", "soon", OpType.SET)));
    Check.refused(
        InvalidConfigurationException.class,
        "appending to a config that is no list",
        () -> alter(admin, topic, op("retention.ms", "1", OpType.APPEND)));
    ConfigResource missing = new ConfigResource(ConfigResource.Type.TOPIC, topic.name() + "-x");
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "describing configs of an unknown topic",
        () -> describe(admin, missing));
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "altering configs of an unknown topic",
        () -> alter(admin, missing, op("retention.ms", "1", OpType.SET)));
  }

  private static void broker(Admin admin) throws Exception {
    String node = admin.describeCluster().controller().get().idString();
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, node);
    Config configs = describe(admin, broker);
    Check.equal("true", configs.get("auto.create.topics.enable").value(), "broker config");
    ConfigEntry nodeId = configs.get("node.id");
    Check.equal(node, nodeId.value(), "node.id");
    Check.equal(ConfigSource.STATIC_BROKER_CONFIG, nodeId.source(), "its source");
    Check.equal(ConfigType.INT, nodeId.type(), "its type");
    Check.that(nodeId.isReadOnly() && !nodeId.isSensitive(), "flags of node.id");
    ConfigEntry retention = configs.get("log.retention.ms");
    Check.equal("604800000", retention.value(), "log.retention.ms");
    Check.equal(ConfigSource.DEFAULT_CONFIG, retention.source(), "its source");
    Check.that(configs.get("sasl.jaas.config").isSensitive(), "a sensitive config");
    Check.that(configs.get("advertised.listeners").value().contains("localhost:"), "listeners");
    for (String name : List.of(node, "")) {
      ConfigResource named = new ConfigResource(ConfigResource.Type.BROKER, name);
      InvalidRequestException why =
          Check.refused(
              InvalidRequestException.class,
              "altering the broker",
              () -> alter(admin, named, op("num.partitions", "2", OpType.SET)));
      Check.equal(
          "Cannot update these configs dynamically: [num.partitions]", why.getMessage(),
          "error message");
    }
    ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
    Check.that(describe(admin, all).entries().isEmpty(), "configs set for all brokers");
  }

  private static void group(World world, Admin admin) throws Exception {
    String interval = "consumer.heartbeat.interval.ms";
    ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, world.name());
    ConfigEntry before = describe(admin, group).get(interval);
    Check.equal("5000", before.value(), "a default of a group");
    Check.equal(ConfigSource.DEFAULT_CONFIG, before.source(), "its source");
    alter(admin, group, op(interval, "6000", OpType.SET));
    ConfigEntry set = describe(admin, group).get(interval);
    Check.equal("6000", set.value(), "a config of a group");
    Check.equal(ConfigSource.DYNAMIC_GROUP_CONFIG, set.source(), "its source");
    Check.equal(2, set.synonyms().size(), "its synonyms");
    Collection<ConfigResource> listed =
        admin
            .listConfigResources(
                Set.of(ConfigResource.Type.GROUP), new ListConfigResourcesOptions())
            .all()
            .get();
    Check.that(listed.contains(group), "the group is listed");
    for (String[] wrong : new String[][] {{interval, "1000"}, {interval, "x"}, {"nope", "1"}}) {
      Check.refused(
          InvalidConfigurationException.class,
          String.join("=", wrong),
          () -> alter(admin, group, op(wrong[0], wrong[1], OpType.SET)));
    }
    atWork(world, admin, group, interval);
    alter(admin, group, op(interval, null, OpType.DELETE));
    Check.equal("5000", value(admin, group, interval), "a default of a group again");
  }

  /** Checks that the config outlives its group. */
  private static void atWork(World world, Admin admin, ConfigResource group, String interval)
      throws Exception {
    String topic = world.newTopic(1);
    String[] settings = Groups.and(Groups.CONSUMER, "group.id", group.name());
    try (Member member = Groups.member(world, settings, topic)) {
      Groups.holds(member, 1);
    }
    admin.deleteConsumerGroups(List.of(group.name())).all().get();
    Check.equal("6000", value(admin, group, interval), "a config of a deleted group");
  }

  private static AlterConfigOp op(String name, String value, OpType type) {
    return new AlterConfigOp(new ConfigEntry(name, value), type);
  }

  private static Void alter(Admin admin, ConfigResource resource, AlterConfigOp... ops)
      throws Exception {
    return admin.incrementalAlterConfigs(Map.of(resource, List.of(ops))).all().get();
  }

  private static String value(Admin admin, ConfigResource resource, String name) throws Exception {
    return describe(admin, resource).get(name).value();
  }

  private static Config describe(Admin admin, ConfigResource resource) throws Exception {
    DescribeConfigsOptions all =
        new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
    return admin.describeConfigs(List.of(resource), all).all().get().get(resource);
  }

  private Configs() {}
}
