import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.function.Supplier;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.header.*;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/** Asks Kafka Connect's and Debezium's own transforms what they make of many records, and writes the answers down. */
public class RecordTransforms {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, Supplier<ConnectRecord<?>>> RECORDS = new LinkedHashMap<>();
    static final List<Map<String, Object>> CASES = new ArrayList<>();
    static final int[] COUNT = {0};
    static final Set<String> USED = new LinkedHashSet<>();
    static final String KAFKA = "org.apache.kafka.connect.transforms.";
    static final String DEBEZIUM = "io.debezium.transforms.";

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Locale.setDefault(Locale.US);
        Pool.fill();
        Cases.all();
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(args[0]), StandardCharsets.UTF_8))) {
            out.println("{\"records\":{");
            int left = USED.size();
            for (String name : USED) {
                out.println(JSON.writeValueAsString(name) + ":" + JSON.writeValueAsString(record(RECORDS.get(name).get()))
                    + (--left > 0 ? "," : ""));
            }
            out.println("},\"cases\":[");
            for (int i = 0; i < CASES.size(); i++) {
                out.println(JSON.writeValueAsString(CASES.get(i)) + (i + 1 < CASES.size() ? "," : ""));
            }
            out.println("]}");
        }
        System.out.println(COUNT[0] + " cases over " + USED.size() + " records");
    }

    /** Runs one transform with one configuration over the named records; a refused configuration is one case. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    static void run(String type, Map<String, String> config, Collection<String> records) {
        String className = type.startsWith("io.") ? type : KAFKA + type;
        try {
            ((Transformation) Class.forName(className).getDeclaredConstructor().newInstance()).configure(config);
        } catch (Throwable error) {
            refused("transform", className, config, error);
            return;
        }
        List<Object> results = new ArrayList<>();
        for (String name : records) {
            USED.add(name);
            Map<String, Object> result = new LinkedHashMap<>();
            try (Transformation transform = (Transformation) Class.forName(className).getDeclaredConstructor().newInstance()) {
                transform.configure(config);
                Map<String, Object> before = record(RECORDS.get(name).get());
                ConnectRecord output = transform.apply(RECORDS.get(name).get());
                result.put("output", output == null ? null : changed(before, record(output)));
            } catch (Throwable error) {
                result.put("error", error(error));
            }
            results.add(List.of(name, result));
        }
        if (records.isEmpty()) return;
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("transform", className);
        entry.put("config", config);
        entry.put("results", results);
        CASES.add(entry);
        COUNT[0] += results.size();
    }

    /** Leaves only what the transform changed: a part that is there and null was taken away. */
    static Map<String, Object> changed(Map<String, Object> before, Map<String, Object> after) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (String part : List.of("topic", "partition", "timestamp", "offset", "key", "value", "headers")) {
            if (!Objects.equals(before.get(part), after.get(part))) map.put(part, after.get(part));
        }
        return map;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static void test(String type, Map<String, String> config, Collection<String> records) {
        String className = KAFKA + "predicates." + type;
        try {
            Predicate predicate = (Predicate) Class.forName(className).getDeclaredConstructor().newInstance();
            predicate.configure(config);
            List<Object> results = new ArrayList<>();
            for (String name : records) {
                USED.add(name);
                results.add(List.of(name, predicate.test(RECORDS.get(name).get())));
            }
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("predicate", className);
            entry.put("config", config);
            entry.put("results", results);
            CASES.add(entry);
            COUNT[0] += results.size();
        } catch (Throwable error) {
            refused("predicate", className, config, error);
        }
    }

    static void refused(String what, String className, Map<String, String> config, Throwable error) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put(what, className);
        entry.put("config", config);
        entry.put("refused", error(error));
        // What a connector's validation would say of each key, as Connect embeds the definition under a prefix.
        Map<String, Object> keys = new TreeMap<>();
        try {
            Object plugin = Class.forName(className).getDeclaredConstructor().newInstance();
            ConfigDef own = plugin instanceof Transformation<?> t ? t.config() : ((Predicate<?>) plugin).config();
            ConfigDef def = new ConfigDef();
            def.embed("transforms.t.", "t", 0, own);
            Map<String, String> prefixed = new HashMap<>();
            config.forEach((key, value) -> prefixed.put("transforms.t." + key, value));
            for (ConfigValue value : def.validate(prefixed)) {
                if (!value.errorMessages().isEmpty()) keys.put(value.name(), value.errorMessages());
            }
        } catch (Throwable failed) {
            keys.put("", error(failed));
        }
        entry.put("validation", keys);
        COUNT[0]++;
        CASES.add(entry);
    }

    static Map<String, Object> error(Throwable error) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("class", error.getClass().getName());
        map.put("message", String.valueOf(error.getMessage()));
        return map;
    }

    // The JSON form: README.md says what it means.

    static Map<String, Object> record(ConnectRecord<?> r) {
        Map<String, Object> map = new LinkedHashMap<>();
        if (r instanceof SinkRecord sink) map.put("offset", sink.kafkaOffset());
        map.put("topic", r.topic());
        map.put("partition", r.kafkaPartition());
        map.put("timestamp", r.timestamp());
        map.put("key", pair(r.keySchema(), r.key()));
        map.put("value", pair(r.valueSchema(), r.value()));
        List<Object> headers = new ArrayList<>();
        for (Header header : r.headers()) headers.add(List.of(header.key(), pair(header.schema(), header.value())));
        if (!headers.isEmpty()) map.put("headers", headers);
        return map;
    }

    static Map<String, Object> pair(Schema schema, Object value) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("schema", schema(schema));
        map.put("value", value(value, schema));
        return map;
    }

    static Object schema(Schema s) {
        if (s == null) return null;
        String type = s.type().getName() + (s.isOptional() ? "?" : "");
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("type", type);
        if (s.name() != null) map.put("name", s.name());
        if (s.version() != null) map.put("version", s.version());
        if (s.doc() != null) map.put("doc", s.doc());
        if (s.parameters() != null) map.put("parameters", new TreeMap<>(s.parameters()));
        if (s.defaultValue() != null) map.put("default", value(s.defaultValue(), s));
        if (s.type() == Schema.Type.MAP) map.put("keys", schema(s.keySchema()));
        if (s.type() == Schema.Type.MAP || s.type() == Schema.Type.ARRAY) map.put("values", schema(s.valueSchema()));
        if (s.type() == Schema.Type.STRUCT) {
            List<Object> fields = new ArrayList<>();
            for (Field field : s.fields()) fields.add(List.of(field.name(), schema(field.schema())));
            map.put("fields", fields);
        }
        return map.size() == 1 ? type : map;
    }

    static Object value(Object v, Schema context) {
        if (v == null) return null;
        if (v instanceof Byte) return Map.of("int8", v);
        if (v instanceof Short) return Map.of("int16", v);
        if (v instanceof Integer) return Map.of("int32", v);
        if (v instanceof Long) return Map.of("int64", v);
        if (v instanceof Float) return Map.of("float32", v.toString());
        if (v instanceof Double) return Map.of("float64", v.toString());
        if (v instanceof Boolean) return Map.of("boolean", v);
        if (v instanceof String) return Map.of("string", v);
        if (v instanceof byte[] b) return Map.of("bytes", Base64.getEncoder().encodeToString(b));
        if (v instanceof ByteBuffer b) {
            byte[] copy = new byte[b.remaining()];
            b.duplicate().get(copy);
            return Map.of("bytes", Base64.getEncoder().encodeToString(copy));
        }
        if (v instanceof BigDecimal d) return Map.of("decimal", List.of(d.unscaledValue().toString(), d.scale()));
        if (v instanceof BigInteger i) return Map.of("biginteger", i.toString());
        if (v instanceof java.util.Date d) return Map.of("date", d.getTime());
        if (v instanceof List<?> list) {
            List<Object> out = new ArrayList<>();
            Schema inner = context != null && context.type() == Schema.Type.ARRAY ? context.valueSchema() : null;
            for (Object item : list) out.add(value(item, inner));
            return Map.of("array", out);
        }
        if (v instanceof Map<?, ?> m) {
            Schema inner = context != null && context.type() == Schema.Type.MAP ? context.valueSchema() : null;
            List<List<Object>> out = new ArrayList<>();
            for (Map.Entry<?, ?> e : m.entrySet()) {
                out.add(Arrays.asList(value(e.getKey(), null), value(e.getValue(), inner)));
            }
            out.sort(Comparator.comparing(e -> String.valueOf(e.get(0))));
            return Map.of("map", out);
        }
        if (v instanceof Struct s) {
            Map<String, Object> out = new LinkedHashMap<>();
            for (Field field : s.schema().fields()) {
                Object inner = s.getWithoutDefault(field.name());
                if (inner != null) out.put(field.name(), value(inner, field.schema()));
            }
            if (s.schema() instanceof SchemaBuilder || s.schema().equals(context)) return Map.of("struct", out);
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("struct", out);
            map.put("schema", schema(s.schema()));
            return map;
        }
        throw new IllegalStateException("no form for " + v.getClass());
    }

    /** The records: every datum once as a value ("v:") and once as a key ("k:"), and some that are special. */
    static class Pool {
        static final Map<String, SchemaAndValue> DATA = new LinkedHashMap<>();

        static void datum(String name, Schema schema, Object value) {
            DATA.put(name, new SchemaAndValue(schema, value));
            RECORDS.put("v:" + name, () -> sink("orders", 2, Schema.STRING_SCHEMA, "k1", schema, value, 1700000000123L, null));
            RECORDS.put("k:" + name, () -> sink("orders", 2, schema, value, Schema.STRING_SCHEMA, "v1", 1700000000123L, null));
        }

        static SinkRecord sink(String topic, Integer partition, Schema ks, Object k, Schema vs, Object v, Long ts, Headers headers) {
            return new SinkRecord(topic, partition, ks, k, vs, v, 42, ts, TimestampType.CREATE_TIME, headers);
        }

        static Map<String, Object> map(Object... pairs) {
            Map<String, Object> m = new HashMap<>();
            for (int i = 0; i < pairs.length; i += 2) m.put((String) pairs[i], pairs[i + 1]);
            return m;
        }

        static void fill() {
            primitives();
            structs();
            schemaless();
            times();
            special();
            envelopes();
            outbox();
        }

        static void primitives() {
            datum("int8", Schema.INT8_SCHEMA, (byte) -128);
            datum("int16", Schema.INT16_SCHEMA, (short) 300);
            datum("int32", Schema.INT32_SCHEMA, Integer.MIN_VALUE);
            datum("int64max", Schema.INT64_SCHEMA, Long.MAX_VALUE);
            datum("int64min", Schema.OPTIONAL_INT64_SCHEMA, Long.MIN_VALUE);
            datum("int64null", Schema.OPTIONAL_INT64_SCHEMA, null);
            datum("int64default", SchemaBuilder.int64().defaultValue(260L).doc("counts").build(), 5L);
            datum("int64defaultnull", SchemaBuilder.int64().optional().defaultValue(260L).build(), null);
            datum("float32", Schema.FLOAT32_SCHEMA, -1.5f);
            datum("float32small", Schema.FLOAT32_SCHEMA, 1.0e-5f);
            datum("float64", Schema.FLOAT64_SCHEMA, 1.0e30);
            datum("float64plain", Schema.FLOAT64_SCHEMA, 1234567.0);
            datum("float64big", Schema.FLOAT64_SCHEMA, 12345678.9);
            datum("float64long", Schema.FLOAT64_SCHEMA, 0.1 + 0.2);
            datum("nan", Schema.FLOAT64_SCHEMA, Double.NaN);
            datum("infinity", Schema.FLOAT64_SCHEMA, Double.NEGATIVE_INFINITY);
            datum("negativezero", Schema.FLOAT64_SCHEMA, -0.0);
            datum("half", Schema.FLOAT64_SCHEMA, 0.5);
            datum("boolean", Schema.BOOLEAN_SCHEMA, true);
            datum("bytes", Schema.BYTES_SCHEMA, new byte[] {0, (byte) 255, 16});
            datum("decimal", Decimal.schema(2), new BigDecimal("-12345.67"));
            datum("decimalnegative", Decimal.schema(-2), new BigDecimal(new BigInteger("123"), -2));
            datum("decimalsmall", Decimal.schema(9), new BigDecimal("0.000000001"));
            for (String text : List.of("", "12", "-129", "+7", "300", " 12", "99999999999", "9223372036854775808", "1e3", "1.5", "0x10", "NaN",
                    "-Infinity", "1.5f", "true", "TRUE", "yes", "abc", "1_000", "\u0661", "grüße, 世界")) {
                datum("text:" + text, Schema.STRING_SCHEMA, text);
            }
            datum("named", SchemaBuilder.string().name("com.acme.Name").version(2).doc("a name").parameter("p", "1").build(), "n");
            datum("array", SchemaBuilder.array(Schema.OPTIONAL_INT32_SCHEMA).name("list").build(), new ArrayList<>(Arrays.asList(1, null, -3)));
            datum("map", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.INT64_SCHEMA).optional().build(), map("a", 1L, "b", 2L));
        }

        static void structs() {
            Schema all = SchemaBuilder.struct().name("com.acme.All").version(3).doc("every type").parameter("origin", "test")
                .field("i8", Schema.INT8_SCHEMA).field("i16", Schema.INT16_SCHEMA).field("i32", Schema.INT32_SCHEMA)
                .field("i64", Schema.INT64_SCHEMA).field("f32", Schema.FLOAT32_SCHEMA).field("f64", Schema.FLOAT64_SCHEMA)
                .field("flag", Schema.BOOLEAN_SCHEMA).field("text", Schema.STRING_SCHEMA).field("raw", Schema.BYTES_SCHEMA)
                .field("date", Date.SCHEMA).field("time", Time.SCHEMA).field("ts", Timestamp.SCHEMA).field("dec", Decimal.schema(2))
                .field("list", SchemaBuilder.array(Schema.STRING_SCHEMA).build())
                .field("dict", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.INT32_SCHEMA).build()).build();
            datum("all", all, new Struct(all).put("i8", (byte) -1).put("i16", (short) -300).put("i32", 70000).put("i64", Long.MAX_VALUE)
                .put("f32", 2.5f).put("f64", -1.0e10).put("flag", true).put("text", "17").put("raw", new byte[] {1, 2, 3})
                .put("date", new java.util.Date(86400000L * 19000)).put("time", new java.util.Date(3661001L))
                .put("ts", new java.util.Date(1700000000123L)).put("dec", new BigDecimal("3.14"))
                .put("list", new ArrayList<>(List.of("x", "y"))).put("dict", map("one", 1)));
            datum("negative", all, new Struct(all).put("i8", Byte.MIN_VALUE).put("i16", Short.MIN_VALUE).put("i32", Integer.MIN_VALUE)
                .put("i64", Long.MIN_VALUE).put("f32", Float.NaN).put("f64", Double.MAX_VALUE).put("flag", false).put("text", "").put("raw", new byte[0])
                .put("date", new java.util.Date(-86400000L)).put("time", new java.util.Date(0L))
                .put("ts", new java.util.Date(-1L)).put("dec", new BigDecimal("-0.01"))
                .put("list", new ArrayList<>()).put("dict", new HashMap<>()));
            Schema nulls = SchemaBuilder.struct().name("com.acme.Nulls").optional()
                .field("id", Schema.INT32_SCHEMA).field("note", Schema.OPTIONAL_STRING_SCHEMA)
                .field("count", SchemaBuilder.int64().optional().defaultValue(7L).build())
                .field("label", SchemaBuilder.string().optional().defaultValue("none").build())
                .field("flag", SchemaBuilder.bool().defaultValue(true).build())
                .field("ts", Timestamp.builder().optional().defaultValue(new java.util.Date(1000L)).build()).build();
            datum("nulls", nulls, new Struct(nulls).put("id", 1));
            datum("set", nulls, new Struct(nulls).put("id", 2).put("note", "hello").put("count", 8L).put("label", "l").put("flag", false)
                .put("ts", new java.util.Date(1700000000999L)));
            datum("nullstruct", nulls, null);
            Schema zip = SchemaBuilder.struct().name("Zip").optional().field("code", Schema.INT32_SCHEMA)
                .field("plus.four", Schema.OPTIONAL_STRING_SCHEMA).build();
            Schema address = SchemaBuilder.struct().name("Address").field("street", Schema.STRING_SCHEMA).field("zip", zip).build();
            Schema nested = SchemaBuilder.struct().name("com.acme.Nested").field("id", Schema.INT64_SCHEMA).field("address", address)
                .field("a.b", Schema.OPTIONAL_STRING_SCHEMA).field("tags", SchemaBuilder.array(Schema.STRING_SCHEMA).optional().build())
                .field("back`tick", Schema.OPTIONAL_STRING_SCHEMA).build();
            datum("nested", nested, new Struct(nested).put("id", 9L).put("a.b", "dotted").put("tags", new ArrayList<>(List.of("t"))).put("back`tick", "bt")
                .put("address", new Struct(address).put("street", "Main").put("zip", new Struct(zip).put("code", 12345).put("plus.four", "6789"))));
            datum("nestednull", nested, new Struct(nested).put("id", 10L)
                .put("address", new Struct(address).put("street", "Side")));
            Schema inner = SchemaBuilder.struct().field("x", SchemaBuilder.int32().defaultValue(4).build())
                .field("y", Schema.OPTIONAL_STRING_SCHEMA).build();
            SchemaBuilder in = SchemaBuilder.struct().field("x", SchemaBuilder.int32().defaultValue(4).build())
                .field("y", Schema.OPTIONAL_STRING_SCHEMA).optional();
            // Java lets a struct be a default only while its schema is the builder itself.
            in.defaultValue(new Struct(in).put("x", 11).put("y", "dy"));
            Schema defaulted = SchemaBuilder.struct().field("in", in.build()).build();
            Struct outer = new Struct(defaulted);
            datum("structdefault", defaulted, outer);
            datum("plain", inner, new Struct(inner).put("x", -1));
            datum("empty", SchemaBuilder.struct().build(), new Struct(SchemaBuilder.struct().build()));
        }

        static void schemaless() {
            datum("sl:map", null, map("id", 5L, "name", "n", "flag", false, "price", 1.25, "note", null, "list", new ArrayList<>(List.of(1L, "two")),
                "in", map("x", 1, "deep", map("y", "z", "n", null)), "a.b", "dotted"));
            datum("sl:types", null, map("i8", (byte) 1, "i16", (short) 2, "i32", 3, "i64", 4L, "f32", 5.5f, "f64", 6.5, "flag", true, "text", "7",
                "raw", new byte[] {8}));
            datum("sl:numbers", null, map("i8", (byte) -1, "i16", (short) -2, "i32", -3, "i64", -4L, "f32", -5.5f, "f64", -6.5, "flag", false, "text", "-7"));
            datum("sl:empty", null, new HashMap<String, Object>());
            datum("sl:string", null, "12");
            datum("sl:long", null, -7L);
            datum("sl:double", null, 300.7);
            datum("sl:list", null, new ArrayList<>(List.of("a")));
            datum("sl:bytes", null, new byte[] {1});
            datum("sl:null", null, null);
        }

        static void times() {
            for (long ms : new long[] {0, 1, -1, 999, 1700000000123L, -62135596800000L, 253402300799999L, 951782400000L, Long.MAX_VALUE / 1000, -86400000L,
                    86399999L, 86400000L, 1735689599999L, 4102444800000L, -12219292800000L, -12219292800001L, -12220000000000L, -99999999999999L,
                    100000000000000L, 1709164800000L, 1072915200000L, 1104537599000L, -2208988800000L}) {
                datum("unix:" + ms, Schema.INT64_SCHEMA, ms);
                datum("ts:" + ms, Timestamp.SCHEMA, new java.util.Date(ms));
            }
            datum("unix:max", Schema.INT64_SCHEMA, Long.MAX_VALUE);
            datum("unix:min", Schema.INT64_SCHEMA, Long.MIN_VALUE);
            datum("date:19000", Date.SCHEMA, new java.util.Date(86400000L * 19000));
            datum("date:-1", Date.SCHEMA, new java.util.Date(-86400000L));
            datum("time:1", Time.SCHEMA, new java.util.Date(45296789L));
            datum("tsnull", Timestamp.builder().optional().build(), null);
            for (String text : List.of("2024-02-29", "2023-02-29", "2024-02-29 23:59:58", "2024-02-29 23:59:58.7", "2024-02-29T23:59:58.123Z",
                    "2024-02-29T23:59:58+02:00", "2024-02-29T23:59:58.123+0200", "2024-02-29T23:59:58Z", "29/Feb/2024:10:11:12 +0000", "Thu, 29 Feb 2024 10:11:12 GMT", "20240229", "2024022923",
                    "24-02-29", "99-12-31", "2024-13-45", "2024-2-9 1:2:3 PM", "12:00 am", "  2024-02-29", "2024-02-29x", "-0001-01-01", "garbage",
                    "Feb 29 2024", "29 february 2024", "2024-060", "1582-10-10", "1582-10-15", "0000-01-01", "2024-02-29T23:59:58.1234567Z", "+2024-01-01", "2024-02-29T23:59:58.001-0530",
                    "Thu Feb 29 10:11:12 GMT+5:30 2024", "Thu Feb 29 10:11:12 UTC 2024", "Thu Feb 29 10:11:12 PST 2024", "20240229235958123", "2359", "23:59:58,7", "Mar/01/68", "0044-03-15 BC",
                    "2024-02-29 24:60:61", "2024 -02-29", "2024- 02-29", "-05 11 pm", "+05:30 11 PM", "99999-01-01", "2024-02-29T23:59:58+0200x", "1/2/3", "12/31/99999")) {
                datum("when:" + text, Schema.STRING_SCHEMA, text);
            }
            Schema row = SchemaBuilder.struct().name("Row").field("id", Schema.INT32_SCHEMA).field("at", Schema.INT64_SCHEMA)
                .field("maybe", Schema.OPTIONAL_INT64_SCHEMA).field("text", Schema.OPTIONAL_STRING_SCHEMA)
                .field("ts", Timestamp.builder().optional().doc("when").build()).field("day", Date.SCHEMA).field("tod", Time.SCHEMA)
                .field("def", SchemaBuilder.int64().optional().defaultValue(5000L).build()).build();
            datum("timerow", row, new Struct(row).put("id", 1).put("at", 1700000000123L).put("text", "2024-02-29 01:02:03")
                .put("ts", new java.util.Date(1700000000123L)).put("day", new java.util.Date(86400000L * 19000)).put("tod", new java.util.Date(3661001L)));
            datum("timenulls", row, new Struct(row).put("id", 1).put("at", -1L).put("day", new java.util.Date(0)).put("tod", new java.util.Date(0)));
            datum("sl:timerow", null, map("id", 1, "at", 1700000000123L, "text", "2024-02-29 01:02:03", "maybe", null));
        }

        static void special() {
            Schema row = SchemaBuilder.struct().name("Row").field("id", Schema.INT32_SCHEMA).field("name", Schema.OPTIONAL_STRING_SCHEMA).build();
            Supplier<Struct> value = () -> new Struct(row).put("id", 1).put("name", "n");
            RECORDS.put("source", () -> new SourceRecord(map("p", 1), map("o", 2), "db.public.t", null, Schema.STRING_SCHEMA, "k", row, value.get(), null));
            RECORDS.put("sourcestamped", () -> new SourceRecord(map("p", 1), map("o", 2), "db.public.t", 3, Schema.STRING_SCHEMA, "k", row, value.get(), 1735689599999L));
            RECORDS.put("sourceschemaless", () -> new SourceRecord(map("p", 1), map("o", 2), "t", null, null, null, null, map("id", 1), null));
            RECORDS.put("tombstone", () -> sink("orders", 0, Schema.STRING_SCHEMA, "k1", null, null, 1700000000123L, null));
            RECORDS.put("nothing", () -> sink("orders", 0, null, null, null, null, null, null));
            RECORDS.put("headers", () -> sink("orders", 0, Schema.STRING_SCHEMA, "k1", row, value.get(), -1L,
                new ConnectHeaders().addString("a", "1").addInt("b", 2).addString("a", "3").add("c", null, null)
                    .add("d", List.of("x"), SchemaBuilder.array(Schema.STRING_SCHEMA).build())));
            for (String topic : List.of("db.public.orders", "orders-2024", "a$b\\c", "x", "prefix.sub.table_12", "ÄÖÜ", "")) {
                RECORDS.put("topic:" + topic, () -> sink(topic, 0, null, "k", null, "v", 1700000000123L, null));
            }
            for (long ms : new long[] {0, -1, 951782400000L, 1735689599999L, 4102444800000L, -62198755200000L}) {
                RECORDS.put("at:" + ms, () -> sink("orders", 0, null, "k", null, "v", ms, null));
            }
        }

        static final Schema SOURCE = SchemaBuilder.struct().name("io.debezium.connector.postgresql.Source")
            .field("version", Schema.STRING_SCHEMA).field("connector", Schema.STRING_SCHEMA).field("name", Schema.STRING_SCHEMA)
            .field("ts_ms", Schema.INT64_SCHEMA).field("snapshot", SchemaBuilder.string().optional().defaultValue("false").build())
            .field("db", Schema.STRING_SCHEMA).field("sequence", Schema.OPTIONAL_STRING_SCHEMA)
            .field("schema", Schema.STRING_SCHEMA).field("table", Schema.STRING_SCHEMA).field("txId", Schema.OPTIONAL_INT64_SCHEMA)
            .field("lsn", Schema.OPTIONAL_INT64_SCHEMA).build();
        static final Schema TRANSACTION = SchemaBuilder.struct().name("event.block").version(1).optional()
            .field("id", Schema.STRING_SCHEMA).field("total_order", Schema.INT64_SCHEMA).field("data_collection_order", Schema.INT64_SCHEMA).build();

        static Struct source() {
            return new Struct(SOURCE).put("version", "3.6.3.Final").put("connector", "postgresql").put("name", "srv").put("ts_ms", 1700000000000L)
                .put("db", "app").put("schema", "public").put("table", "t").put("txId", 77L).put("lsn", 123456789L);
        }

        static Schema envelope(Schema row) {
            return SchemaBuilder.struct().name("srv.public.t.Envelope").version(2).field("before", row).field("after", row).field("source", SOURCE)
                .field("transaction", TRANSACTION).field("op", Schema.STRING_SCHEMA).field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA)
                .field("ts_us", Schema.OPTIONAL_INT64_SCHEMA).field("ts_ns", Schema.OPTIONAL_INT64_SCHEMA).build();
        }

        static Struct event(Schema schema, String op, Struct before, Struct after, boolean transaction) {
            Struct e = new Struct(schema).put("before", before).put("after", after).put("source", source()).put("op", op)
                .put("ts_ms", 1700000000111L).put("ts_us", 1700000000111222L).put("ts_ns", 1700000000111222333L);
            if (transaction) e.put("transaction", new Struct(TRANSACTION).put("id", "77:99").put("total_order", 1L).put("data_collection_order", 2L));
            return e;
        }

        static void envelopes() {
            Schema row = SchemaBuilder.struct().name("srv.public.t.Value").optional().field("id", Schema.INT32_SCHEMA)
                .field("name", Schema.OPTIONAL_STRING_SCHEMA)
                .field("status", SchemaBuilder.string().optional().defaultValue("new").build())
                .field("route", Schema.OPTIONAL_STRING_SCHEMA).build();
            Schema key = SchemaBuilder.struct().name("srv.public.t.Key").field("id", Schema.INT32_SCHEMA).field("name", Schema.OPTIONAL_STRING_SCHEMA).build();
            Schema env = envelope(row);
            Supplier<Struct> one = () -> new Struct(row).put("id", 1).put("name", "a").put("route", "routed.topic");
            Supplier<Struct> two = () -> new Struct(row).put("id", 1).put("status", "done").put("route", " ");
            Supplier<Struct> k = () -> new Struct(key).put("id", 1).put("name", "a");
            Schema names = SchemaBuilder.array(Schema.STRING_SCHEMA).build();
            Supplier<Headers> drop = () -> new ConnectHeaders().add("drop", List.of("name", "id"), names).addString("keep", "me");
            RECORDS.put("dbz:c", () -> sink("srv.public.t", 0, key, k.get(), env, event(env, "c", null, one.get(), true), 5L, null));
            RECORDS.put("dbz:r", () -> sink("srv.public.t", 0, key, k.get(), env, event(env, "r", null, two.get(), false), 5L, null));
            RECORDS.put("dbz:u", () -> sink("srv.public.t", 0, key, k.get(), env, event(env, "u", one.get(), two.get(), true), 5L, drop.get()));
            RECORDS.put("dbz:d", () -> sink("srv.public.t", 0, key, k.get(), env, event(env, "d", one.get(), null, false), 5L, drop.get()));
            RECORDS.put("dbz:t", () -> sink("srv.public.t", 0, null, null, env, event(env, "t", null, null, true), 5L, null));
            RECORDS.put("dbz:tombstone", () -> sink("srv.public.t", 0, key, k.get(), null, null, 5L, drop.get()));
            RECORDS.put("dbz:other", () -> sink("srv.heartbeat", 0, key, k.get(), key, k.get(), 5L, null));
            RECORDS.put("dbz:source", () -> new SourceRecord(map("server", "srv"), map("lsn", 1L), "srv.public.t", null, key, k.get(), env,
                event(env, "c", null, one.get(), true), null));
        }

        /** The outbox router runs beside a source: it takes the partition away, which a sink's record cannot bear. */
        static SourceRecord produced(Schema ks, Object k, Schema vs, Object v, Long ts, Headers headers) {
            return new SourceRecord(map("server", "srv"), map("lsn", 1L), "srv.public.outbox", 0, ks, k, vs, v, ts, headers);
        }

        static void outbox() {
            Schema row = SchemaBuilder.struct().name("srv.public.outbox.Value").optional()
                .field("id", SchemaBuilder.string().name("io.debezium.data.Uuid").version(1).build())
                .field("aggregatetype", Schema.STRING_SCHEMA).field("aggregateid", Schema.STRING_SCHEMA).field("type", Schema.OPTIONAL_STRING_SCHEMA)
                .field("payload", SchemaBuilder.string().optional().name("io.debezium.data.Json").version(1).build())
                .field("version", Schema.OPTIONAL_INT32_SCHEMA).field("part", Schema.OPTIONAL_INT32_SCHEMA)
                .field("ts", SchemaBuilder.int64().optional().name("io.debezium.time.MicroTimestamp").version(1).build())
                .field("tsms", SchemaBuilder.int64().optional().name("io.debezium.time.Timestamp").version(1).build())
                .field("tsns", SchemaBuilder.int64().optional().name("io.debezium.time.NanoTimestamp").version(1).build())
                .field("plain", Schema.OPTIONAL_INT64_SCHEMA).field("blob", Schema.OPTIONAL_BYTES_SCHEMA).build();
            Schema env = envelope(row);
            Map<String, String> payloads = new LinkedHashMap<>();
            payloads.put("object", "{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":[1,2],\"e\":{\"f\":1.5,\"g\":true,\"h\":12345678901},\"i\":[],\"j\":[{\"k\":1},{\"k\":2,\"l\":\"m\"}]}");
            payloads.put("list", "[{\"a\":1},{\"a\":2}]");
            payloads.put("mixed", "{\"a\":[1,\"x\"]}");
            payloads.put("numbers", "{\"big\":123456789012345678901234567890,\"exp\":1e3,\"neg\":-5,\"mixed\":[1,2.5]}");
            payloads.put("text", "plain text");
            payloads.put("broken", "{\"a\":");
            payloads.put("empty", "");
            payloads.put("blank", "  ");
            payloads.put("null", null);
            payloads.put("nested", "{\"a.b\":1,\"1x\":{\"ü\":[[1],[2]]},\"arr\":[null,\"x\"],\"nulls\":[null]}");
            payloads.put("emptyobject", "{}");
            payloads.forEach((name, payload) -> RECORDS.put("outbox:" + name, () -> produced(Schema.STRING_SCHEMA, "k", env,
                event(env, "c", null, new Struct(row).put("id", "5a1e").put("aggregatetype", "order").put("aggregateid", "o-1").put("type", "OrderCreated")
                    .put("payload", payload).put("version", 4).put("part", 3).put("ts", 1700000000123456L).put("tsms", 1700000000123L)
                    .put("tsns", 1700000000123456789L).put("plain", 1L).put("blob", new byte[] {1, 2}), true), 5L,
                new ConnectHeaders().addString("old", "header"))));
            Supplier<Struct> bare = () -> new Struct(row).put("id", "5a1e").put("aggregatetype", "customer").put("aggregateid", "c-1");
            RECORDS.put("outbox:bare", () -> produced(null, null, env, event(env, "r", null, bare.get(), false), null, null));
            RECORDS.put("outbox:update", () -> produced(null, null, env, event(env, "u", bare.get(), bare.get(), false), 5L, null));
            RECORDS.put("outbox:delete", () -> produced(null, null, env, event(env, "d", bare.get(), null, false), 5L, null));
        }
    }

    /** The configurations, each run over the records that could tell it apart. */
    static class Cases {
        static Map<String, String> config(String... pairs) {
            Map<String, String> map = new LinkedHashMap<>();
            for (int i = 0; i < pairs.length; i += 2) map.put(pairs[i], pairs[i + 1]);
            return map;
        }

        static List<String> of(String side, String... data) {
            return Arrays.stream(data).map(name -> side + name).toList();
        }

        static List<String> starting(String side, String... prefixes) {
            return Pool.DATA.keySet().stream().filter(name -> Arrays.stream(prefixes).anyMatch(name::startsWith)).map(name -> side + name).toList();
        }

        static List<String> plus(List<String> list, String... more) {
            List<String> all = new ArrayList<>(list);
            all.addAll(List.of(more));
            return all;
        }

        static final String[] STRUCTS = {"all", "negative", "nulls", "set", "nullstruct", "nested", "nestednull", "plain", "empty"};
        static final String[] MAPS = {"sl:map", "sl:types", "sl:numbers", "sl:empty", "sl:string", "sl:list", "sl:null"};
        static final String[] WRONG = {"int32", "array", "map", "int64null"};

        static List<String> broad(String side) {
            List<String> all = new ArrayList<>(of(side, STRUCTS));
            all.addAll(of(side, MAPS));
            all.addAll(of(side, WRONG));
            return all;
        }

        /** Runs the Value side over everything and the Key side over a part: they differ in nothing but the side. */
        static void both(String type, Map<String, String> config, List<String> values) {
            run(type + "$Value", config, values);
            run(type + "$Key", config, values.stream().filter(n -> n.startsWith("v:")).map(n -> "k:" + n.substring(2))
                .filter(n -> Set.of("k:all", "k:nulls", "k:nested", "k:sl:map", "k:sl:null", "k:int32").contains(n)).toList());
        }

        static void all() {
            cast();
            fields();
            headers();
            insert();
            mask();
            routers();
            replace();
            metadata();
            timestamps();
            toKey();
            predicates();
            unwrap();
            outbox();
        }

        static void cast() {
            List<String> whole = new ArrayList<>(starting("v:", "int", "float", "nan", "infinity", "negativezero", "half", "boolean", "bytes", "decimal", "text:",
                "named"));
            whole.addAll(of("v:", "array", "map", "plain", "date:19000", "date:-1", "time:1", "ts:0", "ts:1", "ts:-1", "ts:1700000000123", "ts:86400000",
                "ts:-62135596800000", "ts:253402300799999", "tsnull", "sl:string", "sl:long", "sl:double", "sl:list", "sl:bytes", "sl:null", "sl:map"));
            for (String type : List.of("int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string")) {
                run("Cast$Value", config("spec", type), whole);
            }
            run("Cast$Key", config("spec", "int32"), of("k:", "text:12", "int64max", "sl:string", "text:abc"));
            for (String spec : List.of("i8:string,i64:int8,f32:int32,f64:int64,flag:int16,text:float64,dec:float32,ts:int64,date:string,time:string,raw:string",
                    "i8:float64,i16:boolean,i32:int8,i64:float32,f32:string,f64:float32,flag:string,text:int32,ts:string,date:int32,time:int32,dec:string",
                    "id:string,count:int8,label:boolean,flag:string,ts:int64,missing:int32", "x:string,in:int8", "list:string", "dict:string", "address:string", "raw:int8",
                    "i8: string , i16 :INT64")) {
                both("Cast", config("spec", spec), broad("v:"));
                run("Cast$Value", config("spec", spec, "replace.null.with.default", "false"), of("v:", "nulls", "set", "structdefault", "plain"));
            }
            for (String spec : List.of("", "foo", "a:b:c", "a:array", "a:bytes", "int8,int16", "int8,a:int16", "a:int8,a:int16", ":int8", "a:", "bytes", "a:int8,")) {
                run("Cast$Value", config("spec", spec), of("v:", "plain"));
            }
            run("Cast$Value", config(), List.of());
            run("Cast$Value", config("spec", "int8", "replace.null.with.default", "maybe"), List.of());
        }

        static void fields() {
            for (String field : List.of("id", "text", "note", "count", "flag", "address", "a.b", "in", "x", "missing", "list", "")) {
                both("ExtractField", config("field", field), plus(broad("v:"), "v:structdefault"));
                run("ExtractField$Value", config("field", field, "replace.null.with.default", "false"), of("v:", "nulls", "set", "structdefault", "plain"));
            }
            for (String field : List.of("id", "address.street", "address.zip.code", "address.zip.`plus.four`", "`a.b`", "a.b", "in.x", "in.deep.y", "address.nope.code",
                    "nope.street", "id.x", "address.street.x", "`back\\`tick`", "back`tick", "tags.x", "in.y", "in.deep.", "", ".", "address.")) {
                both("ExtractField", config("field", field, "field.syntax.version", "V2"), of("v:", "nested", "nestednull", "structdefault", "sl:map", "nullstruct", "sl:null", "plain"));
                run("ExtractField$Value", config("field", field, "field.syntax.version", "v2", "replace.null.with.default", "false"), of("v:", "structdefault", "nestednull", "plain"));
            }
            run("ExtractField$Value", config("field", "`a", "field.syntax.version", "V2"), of("v:", "nested"));
            run("ExtractField$Value", config("field", "a.`b\\`", "field.syntax.version", "V2"), of("v:", "nested"));
            run("ExtractField$Value", config("field", "`a`b`.c", "field.syntax.version", "V2"), of("v:", "nested"));
            run("ExtractField$Value", config("field", "a", "field.syntax.version", "V3"), of("v:", "nested"));
            run("ExtractField$Value", config(), List.of());
            for (String delimiter : List.of(".", "_", "", "::")) {
                both("Flatten", config("delimiter", delimiter), plus(broad("v:"), "v:structdefault", "tombstone", "nothing"));
            }
            both("Flatten", config(), of("v:", "all", "set"));
            for (String field : List.of("wrapped", "", "a.b")) {
                both("HoistField", config("field", field), plus(broad("v:"), "v:tsnull", "v:ts:1", "v:decimal", "tombstone", "headers"));
            }
            run("HoistField$Value", config(), List.of());
            run("Filter", config(), List.of("v:all", "tombstone", "nothing", "headers"));
        }

        static void headers() {
            for (String names : List.of("a", "a,b", "zzz", "d, c ,", "a,b,c,d")) {
                run("DropHeaders", config("headers", names), List.of("headers", "v:all", "tombstone", "nothing"));
            }
            run("DropHeaders", config("headers", ""), List.of("headers"));
            run("DropHeaders", config(), List.of());
            for (String operation : List.of("move", "copy")) {
                for (String fields : List.of("id", "id,name", "note,count", "count,label,flag,ts", "address,a.b", "missing", "x", "in", "id,missing")) {
                    String headers = String.join(",", Collections.nCopies(fields.split(",").length, "h"));
                    both("HeaderFrom", config("fields", fields, "headers", headers, "operation", operation), plus(broad("v:"), "headers", "tombstone"));
                    run("HeaderFrom$Value", config("fields", fields, "headers", headers, "operation", operation, "replace.null.with.default", "false"),
                        of("v:", "nulls", "structdefault", "plain"));
                }
            }
            run("HeaderFrom$Value", config("fields", "a,b", "headers", "a", "operation", "move"), List.of());
            run("HeaderFrom$Value", config("fields", "a", "headers", "a", "operation", "steal"), List.of());
            run("HeaderFrom$Value", config("fields", "a", "headers", "a"), List.of());
            run("HeaderFrom$Value", config("fields", "", "headers", "", "operation", "copy"), List.of("v:plain"));
            run("HeaderFrom$Value", config("fields", "id,id", "headers", "h,h2", "operation", "copy"), List.of("headers", "v:sl:map"));
            for (String literal : List.of("text", "12", "-5", "300", "70000", "3000000000", "1.5", "1e400", "9223372036854775808", "true", "false", "null", "NULL", "", " ", " 12 ", "2024-02-29",
                    "10:11:12.123Z", "2024-02-29T10:11:12.123Z", "2024-13-45", "[1,2,3]", "[1,\"a\"]", "[]", "[null]", "[1, 300, 70000]", "[1,2.5]", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":\"x\"}", "{}", "{\"a\":null}",
                    "{a:1}", "[1,", "{\"a\":", "\"quoted\"", "a,b", "x:y", "[true,false]", "[\"2024-02-29\"]", "{1:[1,2]}", "+7", "-", "1_000", "0x10", "1.0", "100.00", "1e2", "1.7976931348623157e308", "3.5e38",
                    "[[1],[2]]", "[1,,2]", "true}", "\\\"a\\\"", "a\\:b", "[a]", "{\"a\":{\"b\":[1]}}", "[1 2]", "{\"a\":1 \"b\":2}", "[\"a\\\"b\"]", "12abc", "٣", "[1.5,2]", "[\"a\",null]", "{null:1}", "128", "-129",
                    "2024-02-29x", "12:30", "grüße", "[ ]", "{ }", "[ 1 , 2 ]", "1.", ".5", "-.5", "1e-5", "[1e2]")) {
                run("InsertHeader", config("header", "h", "value.literal", literal), List.of("headers"));
            }
            run("InsertHeader", config("header", "h", "value.literal", "x"), List.of("tombstone", "nothing", "v:all", "source"));
            run("InsertHeader", config("header", "h"), List.of());
            run("InsertHeader", config("value.literal", "x"), List.of());
            run("InsertHeader", config("header", "", "value.literal", "x"), List.of("headers"));
        }

        static void insert() {
            List<String> records = plus(broad("v:"), "tombstone", "nothing", "source", "sourcestamped", "sourceschemaless", "headers");
            for (String suffix : List.of("", "!", "?")) {
                for (String field : List.of("topic.field", "partition.field", "offset.field", "timestamp.field")) {
                    both("InsertField", config(field, "meta" + suffix), records);
                }
                both("InsertField", config("static.field", "st" + suffix, "static.value", "v"), records);
            }
            both("InsertField", config("topic.field", "t", "partition.field", "p!", "offset.field", "o", "timestamp.field", "ts2", "static.field", "s", "static.value", ""), records);
            run("InsertField$Value", config("topic.field", "id"), of("v:", "nulls", "sl:map"));
            run("InsertField$Value", config("static.field", "st", "static.value", "v", "replace.null.with.default", "false"), of("v:", "nulls", "set", "structdefault", "plain"));
            run("InsertField$Value", config(), List.of());
            run("InsertField$Value", config("static.field", "s"), List.of());
            run("InsertField$Value", config("static.value", "s"), List.of());
            run("InsertField$Value", config("topic.field", "!"), of("v:", "plain", "sl:empty"));
        }

        static void mask() {
            for (String fields : List.of("text", "i8,i16,i32,i64,f32,f64,flag,text", "raw", "date,time,ts,dec", "list,dict", "id", "address", "count,label,note,ts", "missing", "i8,i64", "list", "price", "flag",
                    "dec,big", "in,list", "x")) {
                both("MaskField", config("fields", fields), broad("v:"));
                for (String replacement : List.of("7", "abc", "300", "-1.5", "99999999999999999999", " 4", "1e2", "true", "2024-02-29")) {
                    run("MaskField$Value", config("fields", fields, "replacement", replacement), of("v:", "all", "nulls", "set", "nested", "sl:map", "sl:types", "sl:numbers", "plain"));
                }
                run("MaskField$Value", config("fields", fields, "replace.null.with.default", "false"), of("v:", "nulls", "set", "structdefault", "plain"));
            }
            run("MaskField$Value", config("fields", "x", "replacement", ""), of("v:", "plain"));
            run("MaskField$Value", config("fields", ""), of("v:", "plain"));
            run("MaskField$Value", config(), List.of());
        }

        static void routers() {
            List<String> topics = RECORDS.keySet().stream().filter(n -> n.startsWith("topic:")).toList();
            String[][] pairs = {{"(.*)", "$1"}, {"(.*)", "pre-$1-post"}, {"db\\.public\\.(.*)", "$1"}, {"([^.]+)\\.([^.]+)\\.([^.]+)", "$3_$2_$1"}, {".*orders.*", "fixed"},
                {"(?<name>[a-z]+)-(\\d{4})", "${name}/$2"}, {"(.*)", "\\$1"}, {"(.*)", "a\\\\b"}, {"(a)(.*)", "$12"}, {"(.*)", "$2"}, {"(.*)", "${none}"}, {"(.*)", "$"}, {"(.*)", "x\\"},
                {"(x)?.*", "[$1]"}, {"[\\w.]+", "$0$0"}, {"(?i)ORDERS-(\\d+)", "o$1"}, {"\\p{Alpha}+", "alpha"}, {"\\p{Lu}+", "upper"}, {"(.+?)\\.(.*)", "$2"}, {"prefix\\.(?:sub)\\.(.*)", "$1"},
                {"(.*)_(\\d++)", "$1"}, {"(?=orders).*", "ahead"}, {"(\\w)\\1*", "back"}, {"(", "x"}, {"[", "x"}, {"a{2,1}", "x"}, {"*a", "x"}, {"\\Qa$b\\E.*", "quoted"}, {"^orders-\\d{4}$", "anchored"},
                {"o.*|x", "alt"}, {"(.*)", "$x"}, {"(.*)", "${1}"}, {"[a-z&&[^x]]", "inter"}, {"\\h*x\\z", "h"}, {"(.*)", ""}, {"", "e"}, {"db.*?", "lazy"}, {"(?<first>.)(?<rest>.*)", "${rest}${first}"},
                {"(?s).*", "$0!"}, {"x{1}", "y"}, {"x#", "y"}, {"(?x) x # comment", "y"},
                {"(?!orders).*", "not"}, {"(?<=a).*|.*(?<!x)$", "behind"}, {"(?>o|or)ders.*", "atomic"}, {"(?>or|o)ders-(.*)", "atomic$1"}, {"[\\p{Punct}\\w]+", "punct"}, {"[^\\s]+", "nospace"}, {"[^-.]+[-.].*", "dash"},
                {"[a-z.-]+", "range"}, {"[]a]+", "bracket"}, {"[a-c[o-z]]+.*", "union"}, {"\\x78|\\u0078", "hex"}, {"\\bx\\b", "bound"}, {"(\\w+)\\.(\\w+)\\.(\\w+)", "${0}"}, {"(x|db)(\\..*)?", "$1/$2"},
                {"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.).*", "$11-$1"}, {"(.)(.).*", "$21"}, {"(?<a>.)\\k<a>?.*", "k${a}"}, {"(?i:ORDERS)-.*", "flag"}, {"(?-i)x", "off"}, {"o{1}r{1,}d{0,2}.*", "rep"}, {"a\\$b\\\\c", "esc"},
                {"\\Qa$b\\c\\E", "quoted2"}, {"[$]|x", "set"}, {"\\P{L}+", "notletters"}, {"\\p{IsLatin}+", "latin"}, {"[\\W]+|[\\D]{3}", "neg"}, {"x??x", "lazy"}, {"(a*)*b|.*", "empty"}, {"|x", "alt"}, {"db.", "short"},
                {"..", "$0$0"}, {"[a&&b]|x", "i"}, {"[a-z&&[def]]+.*", "i2"}, {"[^a-z]*", "up"}, {"\\d{4}", "n"}, {".*-(?=\\d)(.*)", "la-$1"}, {"\\Ax\\Z", "az"}, {"(?m)^x$", "m"}, {"x{2,1}?", "bad"}, {"x{a}", "bad"}, {"(?<1a>x)", "bad"},
                {"(x", "bad"}, {"x)", "bad"}, {"[z-a]", "bad"}, {"\\", "bad"}, {"(x)", "\\\\$1"}, {"(x)", "${"}, {"(x)", "${}"}, {"(x)", "${a-b}"}, {"(?<n>x)", "${n}${n}"}};
            for (String[] pair : pairs) run("RegexRouter", config("regex", pair[0], "replacement", pair[1]), topics);
            run("RegexRouter", config("regex", "(.*)", "replacement", "$1"), List.of("tombstone", "headers", "source"));
            run("RegexRouter", config("regex", "x"), List.of());
            run("RegexRouter", config("replacement", "x"), List.of());
            List<String> stamped = plus(RECORDS.keySet().stream().filter(n -> n.startsWith("at:")).toList(), "v:plain", "headers", "sourcestamped", "topic:a$b\\c");
            for (String format : FORMATS) run("TimestampRouter", config("timestamp.format", format), stamped);
            for (String topic : List.of("${topic}-${timestamp}", "${timestamp}", "fixed", "${topic}${topic}", "$topic-{timestamp}", "a\\${timestamp}$1")) {
                run("TimestampRouter", config("topic.format", topic), stamped);
            }
            run("TimestampRouter", config(), plus(stamped, "source", "nothing"));
            run("TimestampRouter", config("timestamp.format", "bad"), List.of("v:plain"));
        }

        static final List<String> FORMATS = List.of("yyyyMMdd", "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "yyyy-MM-dd'T'HH:mm:ssXXX",
            "yyyy-MM-dd'T'HH:mm:ss.SSSZ", "yyyy-MM-dd'T'HH:mm:ss'Z'", "dd/MMM/yyyy:HH:mm:ss Z", "EEE, dd MMM yyyy HH:mm:ss z", "yyyyMMddHH", "yy-MM-dd", "yyyy-M-d h:m:s a", "hh:mm a", "yyyy.MM.dd G", "yyyy-DDD",
            "YYYY-'W'ww-u", "k:mm", "K:mm a", "EEEE MMMM d", "HH 'o''clock'", "yyyy-MM-dd HH:mm:ss.S", "X", "XX", "zzzz", "W F", "yyyyy", "''", "MMMMM", "E", "LLL", "y", "yyy", "SS",
            "MMM d yyyy", "d MMMM yyyy", "yyyyMMddHHmmssSSS", "EEE MMM dd HH:mm:ss zzz yyyy", "yyyy-MM-dd'T'HH:mm:ss.SSSXX", "XXX hh a", "X hh a", "MMM/dd/yy", "yyyy-MM-dd G", "HHmm", "H:m:s,S", "ssSSS",
            "yyyy-MM-dd'T'HH:mm:ssZ", "M/d/y", "hha", "yyyy-MM", "ddMMMyyyy", "MMddyy");

        static void replace() {
            for (Map<String, String> config : List.of(config("include", "id"), config("exclude", "id"), config("include", "id,name,text,x", "exclude", "name"), config("renames", "id:key,text:words"),
                    config("renames", "a.b:ab,count:n", "exclude", "note"), config("include", "missing"), config("renames", "id:note"), config("renames", "id:note,note:id"), config(), config("exclude", "x,in,i8"),
                    config("include", "", "exclude", "", "renames", ""), config("renames", "address:addr,label:flag"), config("include", "count,ts,label"))) {
                both("ReplaceField", config, plus(broad("v:"), "tombstone"));
                Map<String, String> raw = new LinkedHashMap<>(config);
                raw.put("replace.null.with.default", "false");
                run("ReplaceField$Value", raw, of("v:", "nulls", "set", "structdefault", "plain"));
            }
            for (String renames : List.of("a", "a:b:c", "a:", ":b", "a:b,c", "a : b")) run("ReplaceField$Value", config("renames", renames), of("v:", "plain", "sl:map"));
            run("ReplaceField$Value", config("blacklist", "x", "whitelist", "y"), of("v:", "plain"));
        }

        static void metadata() {
            for (Map<String, String> config : List.of(config("schema.name", "new.Name"), config("schema.version", "9"), config("schema.name", "n", "schema.version", "-1"), config("schema.name", ""))) {
                both("SetSchemaMetadata", config, plus(broad("v:"), "tombstone", "nothing", "v:named", "v:ts:1", "v:decimal", "v:int64default"));
                Map<String, String> raw = new LinkedHashMap<>(config);
                raw.put("replace.null.with.default", "false");
                run("SetSchemaMetadata$Value", raw, of("v:", "nulls", "set", "structdefault", "plain"));
            }
            run("SetSchemaMetadata$Value", config(), List.of());
            run("SetSchemaMetadata$Value", config("schema.version", "x"), List.of());
            run("SetSchemaMetadata$Value", config("schema.version", "99999999999"), List.of());
        }

        static void timestamps() {
            List<String> whole = plus(starting("v:", "unix:", "ts:", "tsnull", "date:", "time:"), "v:sl:long", "v:sl:string", "v:sl:null", "v:sl:double", "v:int32", "v:plain", "tombstone", "v:sl:map",
                "v:int64null", "v:int64defaultnull", "v:text:abc");
            for (String target : List.of("unix", "Date", "Time", "Timestamp")) {
                for (String precision : List.of("seconds", "milliseconds", "microseconds", "nanoseconds")) {
                    run("TimestampConverter$Value", config("target.type", target, "unix.precision", precision), whole);
                }
            }
            List<String> few = of("v:", "ts:0", "ts:-1", "ts:1700000000123", "ts:951782400000", "ts:-62135596800000", "ts:253402300799999", "ts:4102444800000", "ts:1735689599999", "ts:-12219292800000", "ts:-12219292800001", "ts:-12220000000000", "ts:-99999999999999", "ts:100000000000000",
                "ts:1709164800000", "ts:1072915200000", "ts:1104537599000", "ts:-2208988800000", "unix:1700000000123", "date:19000", "time:1");
            List<String> texts = starting("v:", "when:");
            for (String format : FORMATS) {
                run("TimestampConverter$Value", config("target.type", "string", "format", format), few);
                run("TimestampConverter$Value", config("target.type", "Timestamp", "format", format), texts);
            }
            run("TimestampConverter$Value", config("target.type", "unix", "format", "yyyy-MM-dd", "unix.precision", "seconds"), texts);
            run("TimestampConverter$Value", config("target.type", "string", "format", "yyyy/MM/dd"), texts);
            for (String target : List.of("string", "unix", "Date", "Time", "Timestamp")) {
                for (String field : List.of("at", "maybe", "text", "ts", "day", "tod", "def", "id", "missing")) {
                    both("TimestampConverter", config("field", field, "target.type", target, "format", "yyyy-MM-dd HH:mm:ss"),
                        plus(of("v:", "timerow", "timenulls", "sl:timerow", "nulls", "nullstruct", "sl:empty", "sl:string", "sl:null", "int32"), "tombstone"));
                    run("TimestampConverter$Value", config("field", field, "target.type", target, "format", "yyyy-MM-dd HH:mm:ss", "replace.null.with.default", "false"), of("v:", "timenulls", "nulls"));
                }
            }
            run("TimestampConverter$Value", config("target.type", "Timestamp"), of("v:", "when:2024-02-29", "sl:string"));
            for (Map<String, String> config : List.of(config(), config("target.type", "string"), config("target.type", "date"), config("target.type", "string", "format", " "), config("target.type", "string", "format", "bbb"),
                    config("target.type", "string", "format", "yyyy'"), config("target.type", "unix", "unix.precision", "days"), config("target.type", "unix", "format", "qqq"))) {
                run("TimestampConverter$Value", config, List.of());
            }
        }

        static void toKey() {
            for (String fields : List.of("id", "id,name", "note,count,label", "address,a.b", "missing", "x", "list,dict", "id,id", "in")) {
                run("ValueToKey", config("fields", fields), plus(broad("v:"), "tombstone", "nothing", "source", "headers"));
                run("ValueToKey", config("fields", fields, "replace.null.with.default", "false"), of("v:", "nulls", "set", "structdefault", "plain"));
            }
            run("ValueToKey", config("fields", ""), of("v:", "plain"));
            run("ValueToKey", config(), List.of());
        }

        static void predicates() {
            List<String> records = List.of("headers", "tombstone", "nothing", "v:all", "v:nullstruct", "v:sl:null", "source", "topic:x", "topic:", "topic:db.public.orders", "topic:orders-2024", "topic:ÄÖÜ");
            test("RecordIsTombstone", config(), records);
            for (String name : List.of("a", "c", "zzz", "A")) test("HasHeaderKey", config("name", name), records);
            test("HasHeaderKey", config("name", ""), records);
            test("HasHeaderKey", config(), records);
            for (String pattern : List.of(".*", "orders", "orders.*", "db\\..*", "x|orders", "(?i)ORDERS", "[", "", "\\p{L}+", ".{1}")) test("TopicNameMatches", config("pattern", pattern), records);
            test("TopicNameMatches", config(), records);
        }

        static void unwrap() {
            String type = DEBEZIUM + "ExtractNewRecordState";
            List<String> records = plus(RECORDS.keySet().stream().filter(n -> n.startsWith("dbz:")).toList(), "tombstone", "v:plain", "v:sl:map", "nothing");
            List<Map<String, String>> extras = List.of(config(), config("add.fields", "op,table,lsn,source.ts_ms,transaction.id"), config("add.headers", "op,db,ts_ms:when"),
                config("add.fields", "op:OP,name", "add.fields.prefix", "", "add.headers", "total_order,source.version", "add.headers.prefix", "h_"),
                config("route.by.field", "route"), config("drop.fields.header.name", "drop"), config("drop.fields.header.name", "drop", "drop.fields.from.key", "true"),
                config("drop.fields.header.name", "drop", "drop.fields.from.key", "true", "drop.fields.keep.schema.compatible", "false"), config("drop.fields.header.name", "absent"),
                config("add.fields", "nothing,before.id,ts_us,ts_ns,snapshot"), config("add.headers", "nothing,snapshot,after.name"), config("route.by.field", "id"), config("route.by.field", "missing"),
                config("replace.null.with.default", "false"), config("drop.fields.header.name", "keep"), config("add.fields", "nope.id"));
            for (Map<String, String> extra : extras) {
                run(type, extra, records);
                for (String mode : List.of("drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")) {
                    Map<String, String> config = config("delete.tombstone.handling.mode", mode);
                    config.putAll(extra);
                    run(type, config, records);
                }
            }
            run(type, config("delete.tombstone.handling.mode", "none"), List.of("dbz:c"));
            run(type, config("delete.tombstone.handling.mode", "REWRITE"), List.of("dbz:d"));
            run(type, config("add.fields", "a:b:c"), List.of("dbz:c"));
            run(type, config("drop.tombstones", "false", "delete.handling.mode", "rewrite"), List.of("dbz:d", "dbz:tombstone"));
        }

        static void outbox() {
            String type = DEBEZIUM + "outbox.EventRouter";
            List<String> records = plus(RECORDS.keySet().stream().filter(n -> n.startsWith("outbox:")).toList(), "tombstone", "v:plain", "dbz:c");
            for (Map<String, String> config : List.of(config(), config("table.expand.json.payload", "true"), config("table.expand.json.payload", "true", "table.json.payload.null.behavior", "optional_bytes"),
                    config("route.tombstone.on.empty.payload", "true"), config("table.fields.additional.placement", "type:header"),
                    config("table.fields.additional.placement", "type:envelope:eventType,version:header:v,part:partition"), config("table.fields.additional.placement", "type:envelope", "table.expand.json.payload", "true"),
                    config("table.field.event.timestamp", "ts"), config("table.field.event.timestamp", "tsms"), config("table.field.event.timestamp", "tsns"), config("table.field.event.timestamp", "plain"),
                    config("table.field.event.timestamp", "missing"), config("table.field.event.key", "id"), config("table.field.event.key", "missing"), config("table.field.event.id", "missing"),
                    config("table.field.event.payload", "missing"), config("table.field.event.payload", "blob"), config("table.field.event.payload", "version"), config("route.by.field", "type"), config("route.by.field", "missing"),
                    config("route.topic.regex", "(.*)er", "route.topic.replacement", "t.$1"), config("route.topic.replacement", "events"), config("table.fields.additional.placement", "missing:header"),
                    config("table.fields.additional.placement", "missing:header,type:header", "table.field.additional.missing", "ignore"), config("table.fields.additional.placement", "missing:envelope"),
                    config("table.fields.additional.placement", "type:envelope", "table.field.event.schema.version", "version"), config("table.field.event.schema.version", "version"),
                    config("table.op.invalid.behavior", "fatal"), config("table.op.invalid.behavior", "error"), config("table.fields.additional.placement", "type:partition"),
                    config("table.expand.json.payload", "true", "route.tombstone.on.empty.payload", "true"), config("table.expand.json.payload", "true", "field.name.adjustment.mode", "avro"))) {
                run(type, config, records);
            }
            for (Map<String, String> config : List.of(config("table.fields.additional.placement", "type"), config("table.fields.additional.placement", "type:nowhere"), config("table.fields.additional.placement", "a:b:c:d"),
                    config("table.op.invalid.behavior", "ignore"), config("route.topic.regex", "("), config("table.expand.json.payload", "maybe"))) {
                run(type, config, List.of("outbox:object"));
            }
        }
    }
}
