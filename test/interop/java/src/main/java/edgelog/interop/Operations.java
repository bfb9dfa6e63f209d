package edgelog.interop;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;

/** Checks requests of an operator about the cluster and its groups, and unsupported requests. */
final class Operations {
  static void cluster(World world) throws Exception {
    try (Admin admin = world.admin()) {
      DescribeClusterResult cluster = admin.describeCluster();
      Check.that(!cluster.clusterId().get().isEmpty(), "the cluster has an id");
      Check.equal(1, cluster.nodes().get().size(), "nodes");
      Node node = cluster.nodes().get().iterator().next();
      Check.equal(node, cluster.controller().get(), "the controller");
      Check.equal("localhost", node.host(), "host of the node");
      Check.that(
          admin.listPartitionReassignments().reassignments().get().isEmpty(), "reassignments");
    }
  }

  static void groups(World world) throws Exception {
    String topic = world.newTopic(1);
    String byHand = world.name();
    try (Admin admin = world.admin()) {
      Map<TopicPartition, OffsetAndMetadata> start =
          Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(0));
      admin.alterConsumerGroupOffsets(byHand, start).all().get();
      Check.equal(
          GroupState.EMPTY, listing(admin, byHand).groupState().get(),
          "state of a group with only committed offsets");
      for (String[] protocol : List.of(Groups.RANGE, Groups.CONSUMER))
        atWork(world, admin, protocol, topic);

      ListGroupsOptions stable = new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE));
      boolean isListed =
          admin.listGroups(stable).all().get().stream()
              .anyMatch(one -> one.groupId().equals(byHand));
      Check.that(!isListed, "an empty group is listed among the stable ones");
      admin.deleteConsumerGroups(List.of(byHand)).all().get();
      Check.equal(null, listing(admin, byHand), "a deleted group");
      Check.refused(
          GroupIdNotFoundException.class,
          "deleting an unknown group",
          () -> admin.deleteConsumerGroups(List.of(byHand)).all().get());
      Check.refused(
          GroupIdNotFoundException.class,
          "describing an unknown group",
          () -> admin.describeConsumerGroups(List.of(byHand)).all().get());
      Check.refused(
          GroupIdNotFoundException.class,
          "describing an unknown classic group",
          () -> admin.describeClassicGroups(List.of(byHand)).all().get());
    }
  }

  private static void atWork(World world, Admin admin, String[] protocol, String topic)
      throws Exception {
    boolean isConsumer = protocol == Groups.CONSUMER;
    String group = world.name();
    try (Member member = Groups.member(world, Groups.and(protocol, "group.id", group), topic)) {
      Groups.holds(member, 1);
      GroupListing listed = listing(admin, group);
      Check.equal(
          isConsumer ? GroupType.CONSUMER : GroupType.CLASSIC, listed.type().get(), "listed type");
      Check.equal(GroupState.STABLE, listed.groupState().get(), "listed state");
      Check.equal("consumer", listed.protocol(), "listed protocol");
      Check.refused(
          GroupNotEmptyException.class,
          "deleting an active group",
          () -> admin.deleteConsumerGroups(List.of(group)).all().get());
      if (!isConsumer) {
        int members =
            admin.describeClassicGroups(List.of(group)).all().get().get(group).members().size();
        Check.equal(1, members, "members of a classic group");
      }
    }
    admin.deleteConsumerGroups(List.of(group)).all().get();
  }

  /** Returns the listing of a group, or null if it is not listed. */
  private static GroupListing listing(Admin admin, String group) throws Exception {
    return admin.listGroups().all().get().stream()
        .filter(one -> one.groupId().equals(group))
        .findFirst()
        .orElse(null);
  }

  private Operations() {}
}
