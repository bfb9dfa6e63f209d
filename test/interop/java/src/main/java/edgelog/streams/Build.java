package edgelog.streams;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.internals.KTableImpl;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Builds a topology of the steps of a case. Each step makes the stream or table that its `id` names. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Build {
  private static final Serde<String> TEXT = Serdes.String();

  private final StreamsBuilder builder = new StreamsBuilder();
  private final Map<String, Object> made = new HashMap<>();

  Build(JsonNode steps) {
    for (JsonNode step : steps) {
      Object result = make(step);
      if (step.has("id")) {
        made.put(step.get("id").asText(), result);
      }
    }
  }

  Topology topology() {
    return builder.build();
  }

  private Object make(JsonNode step) {
    String op = step.get("op").asText();
    return switch (op) {
      case "stream" -> builder.<String, String>stream(text(step, "topic"));
      case "table" -> builder.table(text(step, "topic"), store(step));
      case "merge" -> stream(step, "from").merge(stream(step, "other"));
      case "toStream" -> toStream(step);
      case "toTable" -> stream(step, "from").toTable(store(step));
      case "to" -> to(step);
      case "filter", "filterNot", "mapValues" -> stateless(op, step);
      case "split" -> split(step);
      case "aggregation" -> aggregation(step, grouped(step));
      case "tableAggregation" -> tableAggregation(step);
      case "cogroup" -> cogroup(step);
      case "windowed" -> windowed(step);
      case "suppress" -> suppress(step);
      case "streamTableJoin" -> streamTableJoin(step);
      case "tableJoin" -> tableJoin(step);
      case "streamJoin" -> streamJoin(step);
      case "foreignKeyJoin" -> foreignKeyJoin(step);
      case "process", "processValues" -> process(op, step);
      default -> streamOnly(op, step);
    };
  }

  private Object streamOnly(String op, JsonNode step) {
    KStream<String, String> from = stream(step, "from");
    String fn = step.has("fn") ? text(step, "fn") : "";
    return switch (op) {
      case "map" ->
          from.map((k, v) -> KeyValue.pair(Functions.key(fn, k, v), Functions.map("mark", v)));
      case "selectKey" -> from.selectKey((k, v) -> Functions.key(fn, k, v));
      case "flatMap" -> from.flatMap(Functions::flatWithKeys);
      case "flatMapValues" -> from.flatMapValues(v -> Functions.flat(fn, v));
      case "peek" -> from.peek((k, v) -> {});
      case "repartition" -> from.repartition();
      default -> throw new IllegalArgumentException(op);
    };
  }

  private Object stateless(String op, JsonNode step) {
    String fn = text(step, "fn");
    if (made.get(text(step, "from")) instanceof KTable table) {
      KTable<Object, String> from = table;
      return switch (op) {
        case "filter" ->
            withOldValues(from.filter((k, v) -> Functions.holds(fn, plain(k), v)));
        case "filterNot" ->
            withOldValues(from.filterNot((k, v) -> Functions.holds(fn, plain(k), v)));
        default -> from.mapValues(v -> Functions.map(fn, v));
      };
    }
    KStream<String, String> from = stream(step, "from");
    return switch (op) {
      case "filter" -> from.filter((k, v) -> Functions.holds(fn, k, v));
      case "filterNot" -> from.filterNot((k, v) -> Functions.holds(fn, k, v));
      default -> from.mapValues(v -> Functions.map(fn, v));
    };
  }

  /** Without them, a filter forwards a tombstone for each row that never was in it. */
  private static KTable<Object, String> withOldValues(KTable<Object, String> table) {
    ((KTableImpl) table).enableSendingOldValues(true);
    return table;
  }

  private static String plain(Object key) {
    return key instanceof Windowed<?> windowed ? (String) windowed.key() : (String) key;
  }

  private Object toStream(JsonNode step) {
    KTable<Object, String> table = table(step, "from");
    if (!step.get("isWindowed").asBoolean()) {
      return table.toStream();
    }
    return table.toStream(
        (key, value) -> {
          Windowed<String> windowed = (Windowed<String>) key;
          return windowed.key() + "@" + windowed.window().start() + "-" + windowed.window().end();
        });
  }

  private Object to(JsonNode step) {
    String topic = text(step, "topic");
    Object from = made.get(text(step, "from"));
    KStream<Object, String> stream =
        from instanceof KTable table ? table.toStream() : (KStream<Object, String>) from;
    if (!step.has("window")) {
      stream.to(topic, Produced.with((Serde) TEXT, TEXT));
      return null;
    }
    Serde key =
        text(step, "window").equals("session")
            ? WindowedSerdes.sessionWindowedSerdeFrom(String.class)
            : WindowedSerdes.timeWindowedSerdeFrom(String.class, number(step, "sizeMs"));
    stream.to(topic, Produced.with(key, TEXT));
    return null;
  }

  /** The branches come together again, each with a mark. */
  private Object split(JsonNode step) {
    Map<String, KStream<String, String>> branches =
        stream(step, "from")
            .split(Named.as(text(step, "id") + "-"))
            .branch((k, v) -> Functions.holds("even", k, v), Branched.as("even"))
            .branch((k, v) -> Functions.holds("key-a", k, v), Branched.as("a"))
            .defaultBranch(Branched.as("rest"));
    KStream<String, String> even = branches.get(text(step, "id") + "-even");
    KStream<String, String> a = branches.get(text(step, "id") + "-a");
    KStream<String, String> rest = branches.get(text(step, "id") + "-rest");
    return even.mapValues(v -> Functions.map("mark", v))
        .merge(a.mapValues(v -> Functions.map("fill", v)))
        .merge(rest);
  }

  private KGroupedStream<String, String> grouped(JsonNode step) {
    KStream<String, String> from = stream(step, "from");
    String by = step.get("by").isNull() ? null : text(step, "by");
    return by == null ? from.groupByKey() : from.groupBy((k, v) -> Functions.key(by, k, v));
  }

  private Object aggregation(JsonNode step, KGroupedStream<String, String> grouped) {
    return switch (text(step, "kind")) {
      case "count" -> shownCount(grouped.count(counted(step)));
      case "reduce" -> grouped.reduce(Functions::reduce, store(step));
      default ->
          grouped.aggregate(
              () -> "0", (k, v, all) -> Functions.add(text(step, "fn"), k, v, all), store(step));
    };
  }

  private static KTable shownCount(KTable counts) {
    return counts.mapValues(value -> String.valueOf(value));
  }

  private Object tableAggregation(JsonNode step) {
    KTable<String, String> from = table(step, "from");
    String by = text(step, "by");
    KGroupedTable<String, String> grouped =
        from.groupBy((k, v) -> KeyValue.pair(Functions.key(by, k, v), v), Grouped.with(TEXT, TEXT));
    return switch (text(step, "kind")) {
      case "count" -> shownCount(grouped.count(counted(step)));
      case "reduce" ->
          grouped.reduce(
              Functions::reduce, (all, v) -> Functions.subtract(v, all), store(step));
      default ->
          grouped.aggregate(
              () -> "0",
              (k, v, all) -> Functions.add(text(step, "fn"), k, v, all),
              (k, v, all) -> Functions.subtract(v, all),
              store(step));
    };
  }

  private Object cogroup(JsonNode step) {
    // Without names, the internal topics of both would have one name.
    String by = step.get("by").isNull() ? null : text(step, "by");
    String name = text(step, "store");
    KStream<String, String> from = stream(step, "from");
    KGroupedStream<String, String> one =
        by == null
            ? from.groupByKey(Grouped.as(name + "-one"))
            : from.groupBy((k, v) -> Functions.key(by, k, v), Grouped.as(name + "-one"));
    KGroupedStream<String, String> other =
        stream(step, "other").groupByKey(Grouped.as(name + "-other"));
    CogroupedKStream<String, String> both =
        one.<String>cogroup((k, v, all) -> Functions.add(text(step, "fn"), k, v, all))
            .cogroup(other, (k, v, all) -> Functions.reduce(all, v));
    if (!step.has("window")) {
      return both.aggregate(() -> "0", store(step));
    }
    return switch (text(step, "window")) {
      case "time" -> both.windowedBy(timeWindows(step)).aggregate(() -> "0", store(step));
      case "sliding" -> both.windowedBy(slidingWindows(step)).aggregate(() -> "0", store(step));
      default ->
          both.windowedBy(sessionWindows(step))
              .aggregate(() -> "0", (k, a, b) -> Functions.merge(a, b), store(step));
    };
  }

  private static TimeWindows timeWindows(JsonNode step) {
    return TimeWindows.ofSizeAndGrace(millis(step, "sizeMs"), millis(step, "graceMs"))
        .advanceBy(millis(step, "advanceMs"));
  }

  private static SlidingWindows slidingWindows(JsonNode step) {
    return SlidingWindows.ofTimeDifferenceAndGrace(
        millis(step, "sizeMs"), millis(step, "graceMs"));
  }

  private static SessionWindows sessionWindows(JsonNode step) {
    return SessionWindows.ofInactivityGapAndGrace(
        millis(step, "sizeMs"), millis(step, "graceMs"));
  }

  private Object windowed(JsonNode step) {
    KTable table = windowedUpdates(step, grouped(step));
    return text(step, "emit").equals("onWindowClose")
        ? table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        : table;
  }

  private KTable windowedUpdates(JsonNode step, KGroupedStream<String, String> grouped) {
    String kind = text(step, "kind");
    if (text(step, "window").equals("session")) {
      SessionWindowedKStream<String, String> sessions =
          grouped.windowedBy(sessionWindows(step));
      return switch (kind) {
        case "count" -> shownCount(sessions.count(counted(step)));
        case "reduce" -> sessions.reduce(Functions::reduce, store(step));
        default ->
            sessions.aggregate(
                () -> "0",
                (k, v, all) -> Functions.add(text(step, "fn"), k, v, all),
                (k, a, b) -> Functions.merge(a, b),
                store(step));
      };
    }
    TimeWindowedKStream<String, String> windows =
        text(step, "window").equals("time")
            ? grouped.windowedBy(timeWindows(step))
            : grouped.windowedBy(slidingWindows(step));
    return switch (kind) {
      case "count" -> shownCount(windows.count(counted(step)));
      case "reduce" -> windows.reduce(Functions::reduce, store(step));
      default ->
          windows.aggregate(
              () -> "0", (k, v, all) -> Functions.add(text(step, "fn"), k, v, all), store(step));
    };
  }

  private static Materialized counted(JsonNode step) {
    return Materialized.as(text(step, "store"))
        .withKeySerde((Serde) TEXT)
        .withValueSerde((Serde) Serdes.Long())
        .withCachingDisabled();
  }

  private Object suppress(JsonNode step) {
    KTable table = table(step, "from");
    if (step.get("limitMs").isNull()) {
      return table.suppress(
          Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
    }
    return table.suppress(
        Suppressed.untilTimeLimit(
            millis(step, "limitMs"), Suppressed.BufferConfig.unbounded()));
  }

  private Object streamTableJoin(JsonNode step) {
    KStream<String, String> from = stream(step, "from");
    KTable<String, String> other = table(step, "other");
    return text(step, "kind").equals("inner")
        ? from.join(other, Functions::join)
        : from.leftJoin(other, Functions::join);
  }

  private Object tableJoin(JsonNode step) {
    KTable<String, String> from = table(step, "from");
    KTable<String, String> other = table(step, "other");
    // Otherwise deleted rows that had no partner are forwarded as tombstones, depending on what follows.
    return switch (text(step, "kind")) {
      case "inner" -> from.join(other, Functions::join, store(step));
      case "left" -> from.leftJoin(other, Functions::join, store(step));
      default -> from.outerJoin(other, Functions::join, store(step));
    };
  }

  private Object streamJoin(JsonNode step) {
    KStream<String, String> from = stream(step, "from");
    KStream<String, String> other = stream(step, "other");
    JoinWindows windows =
        JoinWindows.ofTimeDifferenceAndGrace(millis(step, "afterMs"), millis(step, "graceMs"))
            .before(millis(step, "beforeMs"))
            .after(millis(step, "afterMs"));
    // In the stores in memory, a record with a null value moves the time by which others expire.
    StreamJoined<String, String, String> onDisk =
        StreamJoined.<String, String, String>with(
                new BuiltInDslStoreSuppliers.RocksDBDslStoreSuppliers())
            .withKeySerde(TEXT)
            .withValueSerde(TEXT)
            .withOtherValueSerde(TEXT);
    return switch (text(step, "kind")) {
      case "inner" -> from.join(other, Functions::join, windows, onDisk);
      case "left" -> from.leftJoin(other, Functions::join, windows, onDisk);
      default -> from.outerJoin(other, Functions::join, windows, onDisk);
    };
  }

  private Object foreignKeyJoin(JsonNode step) {
    KTable<String, String> from = table(step, "from");
    KTable<String, String> other = table(step, "other");
    return text(step, "kind").equals("inner")
        ? from.join(other, Functions::foreignKey, Functions::join, store(step))
        : from.leftJoin(other, Functions::foreignKey, Functions::join, store(step));
  }

  /** Counts records by key, and forwards the time at each punctuation. */
  private Object process(String op, JsonNode step) {
    String store = text(step, "store");
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(store), TEXT, TEXT)
            .withCachingDisabled());
    KStream<String, String> from = stream(step, "from");
    if (op.equals("process")) {
      return from.process(() -> new Counting(step), store);
    }
    return from.processValues(
        () ->
            new org.apache.kafka.streams.processor.api.FixedKeyProcessor<String, String, String>() {
              private org.apache.kafka.streams.processor.api.FixedKeyProcessorContext<String, String>
                  context;

              @Override
              public void init(
                  org.apache.kafka.streams.processor.api.FixedKeyProcessorContext<String, String>
                      own) {
                context = own;
              }

              @Override
              public void process(
                  org.apache.kafka.streams.processor.api.FixedKeyRecord<String, String> record) {
                KeyValueStore<String, String> counts = context.getStateStore(store);
                context.forward(record.withValue(Counting.count(counts, record.key())));
              }
            },
        store);
  }

  private static final class Counting implements Processor<String, String, String, String> {
    private final JsonNode step;
    private ProcessorContext<String, String> context;

    Counting(JsonNode step) {
      this.step = step;
    }

    static String count(KeyValueStore<String, String> counts, String key) {
      String name = String.valueOf(key);
      String before = counts.get(name);
      String after = before == null ? "1" : String.valueOf(Integer.parseInt(before) + 1);
      counts.put(name, after);
      return after;
    }

    @Override
    public void init(ProcessorContext<String, String> own) {
      context = own;
      PunctuationType type =
          text(step, "punctuation").equals("stream-time")
              ? PunctuationType.STREAM_TIME
              : PunctuationType.WALL_CLOCK_TIME;
      context.schedule(
          millis(step, "intervalMs"),
          type,
          time -> context.forward(new Record<>("tick", String.valueOf(time), time)));
    }

    @Override
    public void process(Record<String, String> record) {
      KeyValueStore<String, String> counts = context.getStateStore(text(step, "store"));
      context.forward(record.withValue(count(counts, record.key())));
    }
  }

  private KStream<String, String> stream(JsonNode step, String field) {
    return (KStream<String, String>) made.get(text(step, field));
  }

  private <K> KTable<K, String> table(JsonNode step, String field) {
    return (KTable<K, String>) made.get(text(step, field));
  }

  private static Materialized store(JsonNode step) {
    return Materialized.as(text(step, "store"))
        .withKeySerde((Serde) TEXT)
        .withValueSerde((Serde) TEXT)
        .withCachingDisabled();
  }

  private static String text(JsonNode step, String field) {
    return step.get(field).asText();
  }

  private static long number(JsonNode step, String field) {
    return step.get(field).asLong();
  }

  private static Duration millis(JsonNode step, String field) {
    return Duration.ofMillis(step.get(field).asLong());
  }
}
