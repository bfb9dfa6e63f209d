import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.*;
import java.time.format.*;
import java.time.temporal.*;
import java.util.*;

/**
 * Prints results of Java's own decimals, doubles, integers and times, which golden.test.ts compares with ours.
 * Run: java test/core/sql/golden/Golden.java > test/core/sql/golden/golden.tsv
 */
public class Golden {
  static final Random RANDOM = new Random(20240229);
  static final List<String> LINES = new ArrayList<>();

  /** Adds a line of values with tabs between them; \\N stands for null. */
  static void line(String kind, Object... values) {
    StringJoiner joiner = new StringJoiner("\t");
    joiner.add(kind);
    for (Object value : values) joiner.add(value == null ? "\\N" : value.toString());
    LINES.add(joiner.toString());
  }

  static BigDecimal decimal() {
    int digits = 1 + RANDOM.nextInt(20);
    StringBuilder number = new StringBuilder(RANDOM.nextBoolean() ? "-" : "");
    for (int index = 0; index < digits; index++) number.append(RANDOM.nextInt(10));
    return new BigDecimal(new java.math.BigInteger(number.toString()), RANDOM.nextInt(12));
  }

  static void decimals() {
    for (int index = 0; index < 40; index++) {
      BigDecimal one = decimal();
      BigDecimal other = decimal();
      int scale = RANDOM.nextInt(12);
      BigDecimal sum = one.add(other);
      BigDecimal product = one.multiply(other);
      boolean isZero = other.signum() == 0;
      BigDecimal quotient = isZero ? null : one.divide(other, scale, RoundingMode.HALF_UP);
      BigDecimal rest = isZero ? null : one.remainder(other);
      line("decimal", one.toPlainString(), other.toPlainString(), scale, sum.toPlainString(), product.toPlainString(),
          quotient == null ? null : quotient.toPlainString(), rest == null ? null : rest.setScale(Math.max(one.scale(), other.scale())).toPlainString(),
          one.setScale(scale, RoundingMode.HALF_UP).toPlainString(), Integer.signum(one.compareTo(other)));
    }
  }

  static void doubles() {
    double[] values = {0, -0.0, 1, -1.5, 100, 1e6, 9999999, 1e7, 12345678.9, 1e21, 1.5e300, 0.001, 0.00099, 1e-5, 123e-9,
        Double.MAX_VALUE, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0.1 + 0.2, 1.0 / 3, 1e16, 4.35};
    for (double value : values) {
      boolean isFinite = Double.isFinite(value);
      line("double", value, isFinite ? BigDecimal.valueOf(value).toPlainString() : null, Math.round(value), (long) value,
          (int) value);
    }
  }

  static void integers() {
    long[] values = {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 53, (1L << 53) + 1, -(1L << 62), 3037000500L, 1234567890123L};
    for (long one : values) {
      for (long other : values) {
        if (RANDOM.nextInt(3) != 0) continue;
        line("long", one, other, one + other, one - other, one * other, other == 0 ? null : one / other,
            other == 0 ? null : one % other, Long.compare(one, other));
      }
    }
  }

  static final String[] PATTERNS = {"yyyy-MM-dd'T'HH:mm:ss.SSS", "yyyyMMddHHmmssSSS", "yyyy-MM-dd HH:mm:ss zzz",
      "yyyy-MM-dd'T'HH:mm:ssX", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd HH:mm:ssZ", "d/M/yy h:mm a", "EEE, d MMM yyyy HH:mm:ss Z",
      "EEEE d. MMMM uuuu kk:mm:ss xxx", "yyyy-DDD A", "dd-MMM-yyyy HH:mm:ss VV", "yyyy QQQ w W", "yyyy-MM-dd[ HH:mm[:ss]]",
      "YYYY-'W'ww-e", "yyyy''MM''dd o", "hh 'o''clock' a, OOOO", "u-M-d H:m:s.SSSSSSSSS", "G yyyy ZZZZ ZZZZZ XX XXXXX xx O",
      "HHmmss", "yyyy-MM-dd K:mm a", "N n"};
  static final String[] ZONES = {"UTC", "America/Los_Angeles", "Asia/Kolkata", "+05:45", "Australia/Lord_Howe", "Europe/London"};

  static void formats() {
    long[] times = {0, 1526075913000L, -1, 1615719599999L, 1615719600000L, 1636275600000L, -62135596800000L, 253402300799999L,
        1709251199123L, 951782400000L, 1625097600500L, -2208988800000L};
    for (String pattern : PATTERNS) {
      for (int index = 0; index < 6; index++) {
        String zone = ZONES[RANDOM.nextInt(ZONES.length)];
        long time = times[RANDOM.nextInt(times.length)];
        // Zones have names and offsets that changed before 1972; the databases of time zones differ there.
        if (time < 0 && !zone.startsWith("+")) zone = "UTC";
        if (time >= 0 && pattern.contains("zzz") && !zone.startsWith("America")) zone = "America/Los_Angeles";
        String result = null;
        try {
          result = DateTimeFormatter.ofPattern(pattern, Locale.US)
              .format(Instant.ofEpochMilli(time).atZone(ZoneId.of(zone)));
        } catch (IllegalArgumentException error) {
          // The pattern is refused: the result is null.
        }
        line("format", time, pattern, zone, result);
      }
    }
  }

  static int get(TemporalAccessor parsed, ChronoField field, int otherwise) {
    return parsed.isSupported(field) ? parsed.get(field) : otherwise;
  }

  static Long parse(String text, String pattern, String zone) {
    DateTimeFormatter formatter =
        new DateTimeFormatterBuilder().parseCaseInsensitive().appendPattern(pattern).toFormatter(Locale.US);
    try {
      TemporalAccessor parsed = formatter.parse(text);
      ZoneId found = parsed.query(TemporalQueries.zone());
      LocalDate date = parsed.query(TemporalQueries.localDate());
      LocalTime time = parsed.query(TemporalQueries.localTime());
      int year = get(parsed, ChronoField.YEAR, get(parsed, ChronoField.YEAR_OF_ERA, 1970));
      int month = get(parsed, ChronoField.MONTH_OF_YEAR, 1);
      if (date == null) date = LocalDate.of(year, month, get(parsed, ChronoField.DAY_OF_MONTH, 1));
      if (time == null) time = LocalTime.of(get(parsed, ChronoField.HOUR_OF_DAY, get(parsed, ChronoField.HOUR_OF_AMPM, 0)),
          get(parsed, ChronoField.MINUTE_OF_HOUR, 0), get(parsed, ChronoField.SECOND_OF_MINUTE, 0),
          get(parsed, ChronoField.NANO_OF_SECOND, 0));
      return ZonedDateTime.of(date, time, found == null ? ZoneId.of(zone) : found).toInstant().toEpochMilli();
    } catch (DateTimeException error) {
      return null;
    }
  }

  static void parses() {
    String[][] cases = {
        {"2018-05-11T21:58:33Z", "yyyy-MM-dd'T'HH:mm:ssX"}, {"2018-05-11T21:58:33z", "yyyy-MM-dd'T'HH:mm:ssX"},
        {"2018-05-11T21:58:33+02", "yyyy-MM-dd'T'HH:mm:ssX"}, {"2018-05-11T21:58:33+0230", "yyyy-MM-dd'T'HH:mm:ssX"},
        {"2018-05-11T21:58:33+02:30", "yyyy-MM-dd'T'HH:mm:ssX"}, {"2018-05-11T21:58:33+02:30", "yyyy-MM-dd'T'HH:mm:ssXXX"},
        {"20180511215833123", "yyyyMMddHHmmssSSS"}, {"120180511215833123", "yyyyMMddHHmmssSSS"}, {"2018051121583312", "yyyyMMddHHmmssSSS"},
        {"+120180511", "yyyyMMdd"}, {"2021-06-31 12:18:39.446", "yyyy-MM-dd HH:mm:ss.SSS"}, {"2021-06-32", "yyyy-MM-dd"},
        {"2021-13-01", "yyyy-MM-dd"}, {"2021-02-29", "yyyy-MM-dd"}, {"12345-01-01", "yyyy-MM-dd"}, {"+12345-01-01", "yyyy-MM-dd"},
        {"+2345-01-01", "yyyy-MM-dd"}, {"-0001-01-01", "uuuu-MM-dd"}, {"5/9/21 1:05 pm", "M/d/yy h:mm a"}, {"12/31/99 12:00 AM", "MM/dd/yy hh:mm a"},
        {"12/31/99 13:00 AM", "MM/dd/yy hh:mm a"}, {"Sun, 9 May 2021 13:05:07 -0700", "EEE, d MMM yyyy HH:mm:ss Z"},
        {"Mon, 9 May 2021 13:05:07 -0700", "EEE, d MMM yyyy HH:mm:ss Z"}, {"sunday 9. MAY 2021", "EEEE d. MMMM uuuu"}, {"2021-05-09 24:00", "yyyy-MM-dd HH:mm"},
        {"2021-05-09 24:01", "yyyy-MM-dd HH:mm"}, {"2021-05-09 24:00", "yyyy-MM-dd kk:mm"}, {"2021-129", "yyyy-DDD"}, {"2021-366", "yyyy-DDD"},
        {"2020-366", "yyyy-DDD"}, {"2021-05-09", "yyyy-MM-dd[ HH:mm[:ss]]"}, {"2021-05-09 13:05", "yyyy-MM-dd[ HH:mm[:ss]]"},
        {"2021-05-09 13:05:07", "yyyy-MM-dd[ HH:mm[:ss]]"}, {"2021-05-09 13:05:", "yyyy-MM-dd[ HH:mm[:ss]]"}, {"2021", "yyyy"}, {"2021-05", "yyyy-MM"},
        {"13", "HH"}, {"1", "HH"}, {"123", "Hmm"}, {"1234", "Hmm"}, {"2021-05-09 13:05:07 America/Los_Angeles", "yyyy-MM-dd HH:mm:ss VV"},
        {"2021-05-09 13:05:07 PDT", "yyyy-MM-dd HH:mm:ss zzz"}, {"2021-05-09 13:05:07 GMT+02:00", "yyyy-MM-dd HH:mm:ss zzz"},
        {"2021-05-09 13:05:07 GMT+02:00", "yyyy-MM-dd HH:mm:ss ZZZZ"}, {"2021-05-09 13:05:07 GMT", "yyyy-MM-dd HH:mm:ss O"},
        {"2021-03-14 02:30", "yyyy-MM-dd HH:mm"}, {"2021-11-07 01:30", "yyyy-MM-dd HH:mm"}, {"2021-05-09x", "yyyy-MM-dd"}, {"", "yyyy-MM-dd"},
        {"2021-05-09", "yyyy/MM/dd"}, {"44 BC", "y G"}, {"3rd quarter 2021", "QQQQ yyyy"}, {"86399999", "A"}, {"1.5", "s.S"}, {"1.50", "s.S"},
        {"May 9 2021", "MMM d yyyy"}, {"Maj 9 2021", "MMM d yyyy"}, {"2021 o'clock", "yyyy 'o''clock'"}};
    for (String[] each : cases) {
      for (String zone : new String[] {"UTC", "America/Los_Angeles"}) {
        line("parse", each[0], each[1], zone, parse(each[0], each[1], zone));
      }
    }
  }

  static String escaped(String text) {
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t");
  }

  static void regexps() {
    String[] patterns = {"(a|ab)(c|bcd)(d*)", "(\\w+)\\s(\\w+)", "^(\\d{1,3})(?:\\.(\\d+))?$", "(?i)[A-C]+(?<rest>.*)", "(a*)*", "(a*)+b?",
        "(?:(a)|b)*", "(a|b)*?b", "((a)|(b))+", "x*", "\\bw\\w*", "[^\\W\\d_]+", "(?s).+", "(?m)^.*$", "(?m)$", "\\G?a", "(?<=(a|b))c", "(?<!\\s)b",
        "a{2,}?", "a{0,2}+a", "(?>a+)b", "\\p{Punct}+", "[a-z&&[^aeiou]]+", "[\\w&&[^\\d]]+", "(.)\\1", "(?=(\\w))\\w\\w", "(?!a)\\w", "\\s*,\\s*", "[.\\]-]+",
        "\\x41|\\u0062", "\\.$", "(a?){3}", "(|a)+", "(a|)+b", ".*?(\\d+).*", "\\h+", "(?i:W)ORD", "[^]a]+", "\\p{L}+", "[\\p{Lu}\\d]+"};
    String[] texts = {"abcd abab", "12.5", "word W2 aab,  b\tc.", "aaa\nbbb\r\nÄpfel", ""};
    for (String pattern : patterns) {
      java.util.regex.Pattern compiled;
      try {
        compiled = java.util.regex.Pattern.compile(pattern);
      } catch (java.util.regex.PatternSyntaxException error) {
        continue;
      }
      // Not supported here, and refused.
      if (pattern.contains("\\G")) continue;
      for (String text : texts) {
        java.util.regex.Matcher matcher = compiled.matcher(text);
        StringJoiner found = new StringJoiner("; ");
        while (matcher.find()) {
          StringJoiner groups = new StringJoiner("|", "<", ">");
          for (int group = 0; group <= matcher.groupCount(); group++) {
            groups.add(matcher.group(group) == null ? "~" : escaped(matcher.group(group)));
          }
          found.add(groups.toString());
        }
        line("regexp", pattern, escaped(text), found);
      }
    }
  }

  public static void main(String[] arguments) {
    decimals();
    doubles();
    integers();
    formats();
    parses();
    regexps();
    System.out.println(String.join("\n", LINES));
  }
}
