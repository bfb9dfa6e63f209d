package edgelog.streams;

import java.util.List;
import org.apache.kafka.streams.KeyValue;

/** The functions of the generated topologies; `functions.ts` has the same ones. */
final class Functions {
  static boolean holds(String name, String key, String value) {
    return switch (name) {
      case "even" -> value != null && value.length() % 2 == 0;
      case "key-a" -> "a".equals(key);
      case "null-or-early" -> value == null || value.compareTo("n") < 0;
      default -> throw new IllegalArgumentException(name);
    };
  }

  static String map(String name, String value) {
    return switch (name) {
      case "mark" -> value == null ? null : clip(value + "!");
      case "fill" -> value == null ? "nil" : value;
      case "lose-long" -> value == null || value.length() > 3 ? null : clip(value + "s");
      default -> throw new IllegalArgumentException(name);
    };
  }

  static String key(String name, String key, String value) {
    return switch (name) {
      case "first" -> value == null || value.isEmpty() ? key : value.substring(0, 1);
      case "fill" -> key == null ? "z" : key;
      case "lose-x" -> value != null && value.endsWith("x") ? null : key;
      default -> throw new IllegalArgumentException(name);
    };
  }

  static List<String> flat(String name, String value) {
    return switch (name) {
      case "twice" -> List.of(clip(value + "1"), clip(value + "2"));
      case "odd" -> value == null || value.length() % 2 == 0 ? List.of() : List.of(value);
      default -> throw new IllegalArgumentException(name);
    };
  }

  static List<KeyValue<String, String>> flatWithKeys(String key, String value) {
    return List.of(KeyValue.pair(key, clip(value + "k")), KeyValue.pair("a", value));
  }

  static String reduce(String one, String other) {
    return clip(one + other);
  }

  static String add(String name, String key, String value, String aggregate) {
    if (name.equals("drop-x") && value != null && value.endsWith("x")) {
      return null;
    }
    return clip(aggregate + "+" + value);
  }

  static String subtract(String value, String aggregate) {
    return clip(aggregate + "-" + value);
  }

  static String merge(String one, String other) {
    return clip("(" + one + "&" + other + ")");
  }

  static String join(String left, String right) {
    return clip(left + "/" + right);
  }

  static String foreignKey(String value) {
    return value == null || value.isEmpty() || value.startsWith("z") ? null : value.substring(0, 1);
  }

  /** Values would grow without end in a chain of operators. */
  static String clip(String text) {
    return text.length() > 24 ? text.substring(text.length() - 24) : text;
  }

  private Functions() {}
}
