package edgelog.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Kills the server and the bridge while records are produced and consumed; checks that none is
 * lost, duplicated or reordered.
 */
final class Kills {
  private static final int RECORDS = 20_000;
  private static final int PARTITIONS = 3;
  private static final List<String> VICTIMS = List.of("server", "bridge", "server", "bridge");

  static void play(World world) throws Exception {
    String topic = world.newTopic(PARTITIONS);
    List<ConsumerRecord<String, String>> seen = new ArrayList<>();
    AtomicBoolean isOver = new AtomicBoolean();
    Thread reader = new Thread(() -> follow(world, topic, seen, isOver));
    reader.start();
    produce(world, topic);
    isOver.set(true);
    reader.join();

    List<ConsumerRecord<String, String>> stored = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) stored.addAll(world.readAll(topic, i));
    inOrder("in the log", stored);
    inOrder("received by the consumer", seen);
  }

  /** Produces with the defaults: idempotent, acks=all, five requests in flight. */
  private static void produce(World world, String topic) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    List<Thread> killers = new ArrayList<>();
    try (KafkaProducer<String, String> producer = world.producer("linger.ms", "1")) {
      int next = 0;
      for (int i = 0; i < RECORDS; i++) {
        sent.add(
            producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, String.valueOf(i))));
        if (next < VICTIMS.size() && i == (next + 1) * RECORDS / (VICTIMS.size() + 1)) {
          String victim = VICTIMS.get(next++);
          // One kill after the other (`ask` is synchronized), while the producer continues to send.
          Thread killer = new Thread(() -> world.ask("kill " + victim));
          killers.add(killer);
          killer.start();
        }
        if (i % 10 == 0) Thread.sleep(5);
      }
      for (Thread killer : killers) killer.join();
      for (Future<RecordMetadata> one : sent) one.get();
    }
  }

  /** Reads until it has all records, or has received none for a while after the producer ended. */
  private static void follow(
      World world, String topic, List<ConsumerRecord<String, String>> seen, AtomicBoolean isOver) {
    try (KafkaConsumer<String, String> consumer = world.consumer()) {
      consumer.assign(
          IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition(topic, i)).toList());
      int silent = 0;
      while (seen.size() < RECORDS && silent < 25) {
        int before = seen.size();
        consumer.poll(World.POLL).forEach(seen::add);
        silent = isOver.get() && seen.size() == before ? silent + 1 : 0;
      }
    }
  }

  private static void inOrder(String where, List<ConsumerRecord<String, String>> records) {
    int[] next = IntStream.range(0, PARTITIONS).toArray();
    for (ConsumerRecord<String, String> record : records) {
      int partition = record.partition();
      Check.equal(
          String.valueOf(next[partition]), record.value(), where + ": partition " + partition);
      next[partition] += PARTITIONS;
    }
    Check.equal(RECORDS, records.size(), where + ": records");
  }

  private Kills() {}
}
