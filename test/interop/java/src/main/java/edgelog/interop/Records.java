package edgelog.interop;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

/** Checks that records are read back unchanged with every codec. */
final class Records {
  private static final int COUNT = 300;

  /** An hour ago, so that `retention.ms` does not delete the records. */
  private static final long FIRST_TIMESTAMP = System.currentTimeMillis() - 3_600_000;

  static void codecs(World world) throws Exception {
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      String topic = world.newTopic(1);
      List<ProducerRecord<String, String>> records = samples(topic, codec);
      // Makes batches of many records and of few, and one record that is larger than a batch.
      String[] settings = {"compression.type", codec, "batch.size", "8000", "linger.ms", "20"};
      try (KafkaProducer<String, String> producer = world.producer(settings)) {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (ProducerRecord<String, String> record : records) sent.add(producer.send(record));
        for (int i = 0; i < COUNT; i++) {
          Check.equal(
              (long) i, sent.get(i).get().offset(), codec + ": offset returned to the producer");
        }
      }
      for (String level : List.of("read_uncommitted", "read_committed")) {
        compare(codec, records, world.readAll(topic, 0, "isolation.level", level));
      }
      String digest = digest(records);
      Check.equal(
          digest, world.ask("digest " + topic), codec + ": records read by edgelog's own client");
      String copy = world.ask("copy " + topic + " " + codec);
      compare(codec + ", written by edgelog's own client", records, world.readAll(copy, 0));
    }
  }

  /** Creates records with and without keys, empty, null, large, not ASCII, with headers. */
  private static List<ProducerRecord<String, String>> samples(String topic, String codec) {
    List<ProducerRecord<String, String>> records = new ArrayList<>();
    for (int i = 0; i < COUNT; i++) {
      String key = i % 3 == 0 ? null : i % 7 == 0 ? "" : "key-" + i % 10;
      String value = i % 11 == 0 ? null : i % 13 == 0 ? "" : codec + "-値-" + i + "x".repeat(i);
      if (i == COUNT / 2) value = random(600_000);
      ProducerRecord<String, String> record =
          new ProducerRecord<>(topic, 0, FIRST_TIMESTAMP + i, key, value);
      for (int header = 0; header < i % 4; header++) {
        byte[] text = header == 2 ? null : ("größe " + i).getBytes(StandardCharsets.UTF_8);
        record.headers().add(header == 1 ? "twice" : "h" + header / 2, text);
      }
      records.add(record);
    }
    return records;
  }

  /** Returns letters that hardly compress; the same on each call. */
  private static String random(int length) {
    Random random = new Random(1);
    StringBuilder text = new StringBuilder(length);
    for (int i = 0; i < length; i++) text.append((char) ('!' + random.nextInt(90)));
    return text.toString();
  }

  private static void compare(
      String codec,
      List<ProducerRecord<String, String>> wanted,
      List<ConsumerRecord<String, String>> got) {
    Check.equal(wanted.size(), got.size(), codec + ": records that were read");
    for (int i = 0; i < got.size(); i++) {
      ProducerRecord<String, String> sent = wanted.get(i);
      ConsumerRecord<String, String> read = got.get(i);
      String which = codec + ": record " + i + ": ";
      Check.equal((long) i, read.offset(), which + "offset");
      Check.equal(sent.key(), read.key(), which + "key");
      Check.equal(sent.value(), read.value(), which + "value");
      Check.equal(sent.timestamp(), read.timestamp(), which + "timestamp");
      Check.equal(
          List.of(sent.headers().toArray()), List.of(read.headers().toArray()), which + "headers");
    }
  }

  /** Hashes records; the runner computes the same hash from the records that it reads over HTTP. */
  private static String digest(List<ProducerRecord<String, String>> records) throws Exception {
    MessageDigest sha = MessageDigest.getInstance("SHA-256");
    for (ProducerRecord<String, String> record : records) {
      StringBuilder line = new StringBuilder(record.key() + "\t" + record.value());
      for (Header header : record.headers()) line.append("\t").append(header.key());
      sha.update(line.append("\n").toString().getBytes(StandardCharsets.UTF_8));
    }
    return HexFormat.of().formatHex(sha.digest());
  }

  static void acks(World world) throws Exception {
    for (String acks : List.of("0", "1", "all")) {
      String topic = world.newTopic(1);
      String[] settings = {"acks", acks, "enable.idempotence", "false"};
      try (KafkaProducer<String, String> producer = world.producer(settings)) {
        RecordMetadata first = producer.send(new ProducerRecord<>(topic, "first")).get();
        Check.equal(
            !acks.equals("0"), first.hasOffset(), "acks=" + acks + ": an offset is returned");
        for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, "value-" + i));
      }
      Check.until(
          "acks=" + acks + ": all records are stored",
          () -> world.readAll(topic, 0).size() == 101,
          () -> world.readAll(topic, 0).size());
    }
    String topic = world.newTopic(1, Map.of("message.timestamp.type", "LogAppendTime"));
    try (KafkaProducer<String, String> producer = world.producer()) {
      RecordMetadata returned = producer.send(new ProducerRecord<>(topic, 0, 1L, "k", "v")).get();
      ConsumerRecord<String, String> read = world.readAll(topic, 0).get(0);
      Check.equal(TimestampType.LOG_APPEND_TIME, read.timestampType(), "type of the timestamp");
      Check.that(read.timestamp() > FIRST_TIMESTAMP, "the log's time, got " + read.timestamp());
      Check.equal(returned.timestamp(), read.timestamp(), "the timestamp returned to the producer");
    }
  }

  static void refused(World world) throws Exception {
    String small = world.newTopic(1, Map.of("max.message.bytes", "2000"));
    String compacted = world.newTopic(1, Map.of("cleanup.policy", "compact"));
    String timely = world.newTopic(1, Map.of("message.timestamp.before.max.ms", "60000"));
    try (KafkaProducer<String, String> producer = world.producer("max.block.ms", "3000")) {
      String value = "x".repeat(5_000);
      Check.refused(
          RecordTooLargeException.class,
          "a record of 5000 bytes",
          () -> producer.send(new ProducerRecord<>(small, value)).get());
      Check.refused(
          InvalidRecordException.class,
          "a record without a key in a compacted topic",
          () -> producer.send(new ProducerRecord<>(compacted, value)).get());
      Check.refused(
          InvalidTimestampException.class,
          "a record with an old timestamp",
          () -> producer.send(new ProducerRecord<>(timely, 0, 1L, "k", "v")).get());
      // The producer still works after the errors.
      for (String topic : List.of(small, compacted, timely)) {
        Check.equal(0L, producer.send(new ProducerRecord<>(topic, "k", "v")).get().offset(), topic);
      }
      // The producer splits batches that exceed the topic's limit until they fit.
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < 50; i++)
        sent.add(producer.send(new ProducerRecord<>(small, "y".repeat(500))));
      for (Future<RecordMetadata> one : sent) one.get();
    }
    Check.equal(51, world.readAll(small, 0).size(), "records of split batches");
  }

  /** Checks that a batch fails as a whole, and that each rejected record gets its own error. */
  static void refusedInBatch(World world) throws Exception {
    Map<String, String> bounds = Map.of("message.timestamp.before.max.ms", "60000");
    String compacted = world.newTopic(1, Map.of("cleanup.policy", "compact"));
    String timely = world.newTopic(1, bounds);
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      String[] settings = {"compression.type", codec, "linger.ms", "60000"};
      try (KafkaProducer<String, String> producer = world.producer(settings)) {
        List<Exception> keyless = sendBatch(producer, compacted, record("k"), record(null));
        partOfBatch(keyless.get(0));
        refusedFor(InvalidRecordException.class, "key", keyless.get(1));

        List<Exception> late = sendBatch(producer, timely, record("k"), recordAt(1L), record("k"));
        partOfBatch(late.get(0));
        refusedFor(InvalidTimestampException.class, "imestamp", late.get(1));
        partOfBatch(late.get(2));

        // With several rejected records the producer throws one type for all; the message has the
        // reason.
        List<Exception> both =
            sendBatch(producer, timely, recordAt(1L), record("k"), recordAt(2L), record(null));
        refusedFor(InvalidRecordException.class, "imestamp 1 |imestamp: 1 ", both.get(0));
        partOfBatch(both.get(1));
        refusedFor(InvalidRecordException.class, "imestamp 2 |imestamp: 2 ", both.get(2));
        partOfBatch(both.get(3));

        for (String topic : List.of(compacted, timely)) {
          List<Exception> stored = sendBatch(producer, topic, record("k"), record("k"));
          Check.that(
              stored.get(0) == null && stored.get(1) == null, codec + ": records after an error");
        }
      }
    }
    for (String topic : List.of(compacted, timely)) {
      Check.equal(10, world.readAll(topic, 0).size(), "stored records");
    }
  }

  private static ProducerRecord<String, String> record(String key) {
    return new ProducerRecord<>("-", key, "v");
  }

  private static ProducerRecord<String, String> recordAt(long timestamp) {
    return new ProducerRecord<>("-", 0, timestamp, "k", "v");
  }

  /** Sends the records together. Returns the error of each, or null for a stored record. */
  @SafeVarargs
  private static List<Exception> sendBatch(
      KafkaProducer<String, String> producer,
      String topic,
      ProducerRecord<String, String>... records)
      throws InterruptedException {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (ProducerRecord<String, String> one : records) {
      sent.add(
          producer.send(
              new ProducerRecord<>(topic, 0, one.timestamp(), one.key(), one.value())));
    }
    producer.flush();
    List<Exception> errors = new ArrayList<>();
    for (Future<RecordMetadata> one : sent) {
      try {
        one.get();
        errors.add(null);
      } catch (ExecutionException error) {
        errors.add((Exception) error.getCause());
      }
    }
    return errors;
  }

  private static void refusedFor(Class<?> type, String text, Exception error) {
    Check.that(
        type.isInstance(error) && Pattern.compile(text).matcher(error.getMessage()).find(),
        "expected " + type.getSimpleName() + " with '" + text + "', got " + error);
  }

  private static void partOfBatch(Exception error) {
    refusedFor(KafkaException.class, "because it was part of a batch", error);
  }

  static void deleted(World world) throws Exception {
    String topic = world.newTopic(2);
    TopicPartition partition = new TopicPartition(topic, 0);
    try (Admin admin = world.admin();
        KafkaProducer<String, String> producer = world.producer("linger.ms", "50")) {
      for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, null, "v" + i));
      producer.flush();
      Check.equal(40L, deleteBefore(admin, partition, 40), "the low watermark");
      List<ConsumerRecord<String, String>> left = world.readAll(topic, 0);
      Check.equal("v40", left.get(0).value(), "the first remaining record");
      Check.equal(60, left.size(), "remaining records");
      Check.equal(40L, deleteBefore(admin, partition, 10), "the low watermark does not go back");
      Check.refused(
          org.apache.kafka.common.errors.OffsetOutOfRangeException.class,
          "deleting beyond the end",
          () -> deleteBefore(admin, partition, 101));
      Check.equal(100L, deleteBefore(admin, partition, -1), "the low watermark of an emptied log");
      Check.equal(0, world.readAll(topic, 0).size(), "records of an emptied log");
      Check.equal(
          100L, producer.send(new ProducerRecord<>(topic, 0, null, "next")).get().offset(), "next");
    }
    try (KafkaConsumer<String, String> consumer = world.consumer("auto.offset.reset", "none")) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 40);
      Check.refused(
          OffsetOutOfRangeException.class,
          "reading deleted records",
          () -> {
            for (int i = 0; i < 50; i++) consumer.poll(World.POLL);
            return "nothing";
          });
    }
  }

  private static long deleteBefore(Admin admin, TopicPartition partition, long offset)
      throws Exception {
    Map<TopicPartition, RecordsToDelete> wanted =
        Map.of(partition, RecordsToDelete.beforeOffset(offset));
    return admin.deleteRecords(wanted).lowWatermarks().get(partition).get().lowWatermark();
  }

  private Records() {}
}
