package edgelog.interop;

import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;

/** Checks that static members get their partitions back when they return (KIP-345). */
final class StaticMembers {
  static void play(World world, String[] protocol) throws Exception {
    boolean isConsumer = protocol == Groups.CONSUMER;
    String topic = world.newTopic(4);
    String group = world.name();
    String[] settings = Groups.and(protocol, "group.id", group);
    if (!isConsumer) settings = Groups.and(settings, "session.timeout.ms", "30000");
    String[] ofFirst = Groups.and(settings, "group.instance.id", "first");
    String[] ofSecond = Groups.and(settings, "group.instance.id", "second");

    try (Member first = Groups.member(world, ofFirst, topic)) {
      Groups.holds(first, 4);
      Member second = Groups.member(world, ofSecond, topic);
      Groups.both(first, second);
      Set<TopicPartition> ofTheSecond = Set.copyOf(second.assigned);
      int changes = first.changes.get();

      second.close();
      try (Member again = Groups.member(world, ofSecond, topic)) {
        Groups.holds(again, 2);
        Check.equal(
            ofTheSecond, Set.copyOf(again.assigned), "partitions of a static member that returned");
        Check.equal(changes, first.changes.get(), "assignment changes of the other member");
        try (Member twin = Groups.member(world, ofSecond, topic)) {
          Member fenced = isConsumer ? twin : again;
          Check.until(
              "one of two members with one name ends", () -> fenced.error != null, () -> "it runs");
          Class<?> expected =
              isConsumer ? UnreleasedInstanceIdException.class : FencedInstanceIdException.class;
          Check.equal(expected, fenced.error.getClass(), "error of the fenced member");
        }
      }
      if (isConsumer) {
        // As in Kafka, this request removes only members of the classic protocol.
        Check.refused(
            UnknownMemberIdException.class,
            "removing a member",
            () -> remove(world, group, "second"));
        return;
      }
      remove(world, group, "second");
      Groups.holds(first, 4);
    }
  }

  /** Removes a static member, as an administrator does if it does not return. */
  private static Void remove(World world, String group, String instanceId) throws Exception {
    try (Admin admin = world.admin()) {
      List<MemberToRemove> members = List.of(new MemberToRemove(instanceId));
      RemoveMembersFromConsumerGroupOptions options =
          new RemoveMembersFromConsumerGroupOptions(members);
      return admin.removeMembersFromConsumerGroup(group, options).all().get();
    }
  }

  private StaticMembers() {}
}
