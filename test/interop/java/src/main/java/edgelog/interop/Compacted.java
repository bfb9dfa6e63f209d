package edgelog.interop;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Compares a compacted topic with one of a real Kafka broker that got the same records. */
final class Compacted {
  private static final int RECORDS = 3_000;
  private static final int KEYS = 60;

  /** Closes Kafka's active segment, which is never compacted. Not one of the compared keys. */
  private static final String LAST_KEY = "last";

  private static final long COMPACTED_MS_MAX = 120_000;
  private static final Map<String, String> CONFIGS =
      Map.of(
          "cleanup.policy", "compact",
          "segment.ms", "100",
          "min.cleanable.dirty.ratio", "0.001",
          "delete.retention.ms", "86400000");

  /** Plays the same on both servers: edgelog, and the broker that the runner starts. */
  static void latest(World edgelog) throws Exception {
    World kafka = new World(edgelog.ask("start kafka"));
    for (String codec : List.of("none", "lz4")) {
      List<ProducerRecord<String, String>> records = records(codec);
      Map<String, String> wanted = new HashMap<>();
      for (ProducerRecord<String, String> one : records) wanted.put(one.key(), one.value());
      Map<String, String> ours = compacted(edgelog, codec, records);
      Map<String, String> theirs = compacted(kafka, codec, records);
      Check.equal(theirs, ours, codec + ": latest values on Kafka, and on edgelog");
      Check.equal(wanted, ours, codec + ": latest values that were sent, and on edgelog");
    }
  }

  /** Creates updates and tombstones of some keys; the same on each call. */
  private static List<ProducerRecord<String, String>> records(String codec) {
    Random random = new Random(7);
    List<ProducerRecord<String, String>> records = new ArrayList<>();
    for (int i = 0; i < RECORDS; i++) {
      String key = "key-" + random.nextInt(KEYS);
      String value = random.nextInt(5) == 0 ? null : codec + " " + i;
      records.add(new ProducerRecord<>("-", key, value));
    }
    return records;
  }

  /** Returns the latest record of each key after compaction; tombstones as null. */
  private static Map<String, String> compacted(
      World world, String codec, List<ProducerRecord<String, String>> records) throws Exception {
    String topic = world.newTopic(1, CONFIGS);
    try (KafkaProducer<String, String> producer =
        world.producer("compression.type", codec, "linger.ms", "5")) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (ProducerRecord<String, String> one : records) {
        sent.add(producer.send(new ProducerRecord<>(topic, one.key(), one.value())));
      }
      for (Future<RecordMetadata> one : sent) one.get();
      long deadlineMs = System.currentTimeMillis() + COMPACTED_MS_MAX;
      while (true) {
        Map<String, String> latest = new HashMap<>();
        int count = 0;
        for (ConsumerRecord<String, String> one : world.readAll(topic, 0)) {
          if (one.key().equals(LAST_KEY)) continue;
          latest.put(one.key(), one.value());
          count++;
        }
        if (count == latest.size()) return latest;
        String so = count + " records of " + latest.size() + " keys are left";
        Check.that(System.currentTimeMillis() < deadlineMs, codec + ": not compacted: " + so);
        producer.send(new ProducerRecord<>(topic, LAST_KEY, "x")).get();
        Thread.sleep(500);
      }
    }
  }

  private Compacted() {}
}
