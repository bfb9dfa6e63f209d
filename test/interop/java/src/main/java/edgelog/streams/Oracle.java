package edgelog.streams;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.test.TestRecord;

/**
 * `Oracle STATE_FOLDER`: reads cases as JSON lines, runs each in a TopologyTestDriver, and prints for each a JSON line:
 * the records of each sink after each input, and the rows of each table at the end.
 */
public final class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    int number = 0;
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      JsonNode spec = JSON.readTree(line);
      List<String> lines;
      try {
        lines = run(spec, Files.createDirectories(folder.resolve("case-" + number)));
      } catch (Exception error) {
        lines = List.of("error: " + error);
        error.printStackTrace();
      }
      number++;
      out.println("result " + JSON.writeValueAsString(lines));
    }
    out.flush();
  }

  private static List<String> run(JsonNode spec, Path folder) {
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
    config.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    // The results are those of stores on disk, and the disk may be slow.
    config.put(
        StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
        BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    // Otherwise results of closed windows come at most once a second of the clock.
    config.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
    config.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
    List<String> sinks = new ArrayList<>();
    spec.get("sinks").forEach(sink -> sinks.add(sink.asText()));
    List<String> lines = new ArrayList<>();
    Topology topology = new Build(spec.get("steps")).topology();
    try (TopologyTestDriver driver =
        new TopologyTestDriver(topology, config, Instant.ofEpochMilli(0))) {
      int index = 0;
      for (JsonNode input : spec.get("inputs")) {
        feed(driver, input);
        for (String sink : sinks) {
          for (TestRecord<byte[], byte[]> record : read(driver, sink)) {
            lines.add(index + " " + sink + " " + shown(record));
          }
        }
        index++;
      }
      for (JsonNode store : spec.get("stores")) {
        lines.addAll(rows(driver, store.asText()));
      }
    }
    return lines;
  }

  private static void feed(TopologyTestDriver driver, JsonNode input) {
    if (input.has("advanceMs")) {
      driver.advanceWallClockTime(Duration.ofMillis(input.get("advanceMs").asLong()));
      return;
    }
    StringSerializer text = new StringSerializer();
    driver
        .createInputTopic(input.get("topic").asText(), text, text)
        .pipeInput(
            textOf(input.get("key")), textOf(input.get("value")), input.get("timestamp").asLong());
  }

  private static String textOf(JsonNode node) {
    return node.isNull() ? null : node.asText();
  }

  private static List<TestRecord<byte[], byte[]>> read(TopologyTestDriver driver, String topic) {
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    return driver.createOutputTopic(topic, bytes, bytes).readRecordsToList();
  }

  private static String shown(TestRecord<byte[], byte[]> record) {
    return hex(record.key()) + " " + text(record.value()) + " @" + record.timestamp();
  }

  private static List<String> rows(TopologyTestDriver driver, String name) {
    KeyValueStore<Object, Object> store = driver.getKeyValueStore(name);
    List<String> rows = new ArrayList<>();
    try (KeyValueIterator<Object, Object> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Object, Object> row = all.next();
        rows.add("store " + name + " " + row.key + " " + row.value);
      }
    }
    Collections.sort(rows);
    return rows;
  }

  private static String hex(byte[] bytes) {
    return bytes == null ? "null" : HexFormat.of().formatHex(bytes);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "null" : "'" + new String(bytes, StandardCharsets.UTF_8) + "'";
  }

  private Oracle() {}
}
