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

/** Members with names of their own come back to what they had (KIP-345). */
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
        Check.equal(ofTheSecond, Set.copyOf(again.assigned), "what a member comes back to");
        Check.equal(changes, first.changes.get(), "times that the other one was disturbed");
        try (Member twin = Groups.member(world, ofSecond, topic)) {
          Member fenced = isConsumer ? twin : again;
          Check.until(
              "one of two with the same name ends", () -> fenced.error != null, () -> "it goes on");
          Class<?> expected =
              isConsumer ? UnreleasedInstanceIdException.class : FencedInstanceIdException.class;
          Check.equal(expected, fenced.error.getClass(), "why it ends");
        }
      }
      if (isConsumer) {
        // As in Kafka: by this way it removes members of the classic protocol only.
        Check.refused(
            UnknownMemberIdException.class, "removing it", () -> remove(world, group, "second"));
        return;
      }
      remove(world, group, "second");
      Groups.holds(first, 4);
    }
  }

  /** As an administrator does with one that does not come back. */
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
