package edgelog.interop;

import java.time.Duration;
import java.util.Collection;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;

/**
 * A group consumer in its own thread; it commits each poll's records before the next poll.
 */
final class Member implements AutoCloseable, ConsumerRebalanceListener {
  private static final Duration CLOSE = Duration.ofSeconds(15);

  final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
  final Queue<String> seen = new ConcurrentLinkedQueue<>();

  /** Number of times that its assignment changed. */
  final AtomicInteger changes = new AtomicInteger();

  /** The error that ended its thread, if any. */
  volatile Throwable error;

  private final KafkaConsumer<String, String> consumer;
  private final Thread thread;
  private volatile boolean isOver;

  Member(
      World world,
      String[] settings,
      BiConsumer<KafkaConsumer<String, String>, ConsumerRebalanceListener> subscribe) {
    consumer = world.consumer(settings);
    subscribe.accept(consumer, this);
    thread = new Thread(this::run);
    thread.start();
  }

  private void run() {
    try {
      while (!isOver) {
        ConsumerRecords<String, String> records = consumer.poll(World.POLL);
        records.forEach(one -> seen.add(one.value()));
        if (!records.isEmpty()) commit();
      }
    } catch (Throwable thrown) {
      error = thrown;
    }
  }

  /** Commits; during a rebalance the commit is left to the rebalance listener. */
  private void commit() {
    try {
      consumer.commitSync();
    } catch (RebalanceInProgressException later) {
      return;
    }
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    assigned.addAll(partitions);
    if (!partitions.isEmpty()) changes.incrementAndGet();
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    consumer.commitSync();
    assigned.removeAll(partitions);
    if (!partitions.isEmpty()) changes.incrementAndGet();
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> partitions) {
    assigned.removeAll(partitions);
    changes.incrementAndGet();
  }

  /** Closes the consumer; a dynamic member leaves the group, a static member stays in it. */
  @Override
  public void close() {
    end(GroupMembershipOperation.DEFAULT);
  }

  /** Ends without leaving the group, like a killed member. */
  void vanish() {
    end(GroupMembershipOperation.REMAIN_IN_GROUP);
  }

  private void end(GroupMembershipOperation operation) {
    if (isOver) return;
    isOver = true;
    try {
      thread.join();
      consumer.close(CloseOptions.timeout(CLOSE).withGroupMembershipOperation(operation));
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    } catch (RuntimeException thrown) {
      if (error == null) throw thrown;
    }
  }
}
