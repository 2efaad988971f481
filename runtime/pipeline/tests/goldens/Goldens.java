// Records what Kafka Connect's and Confluent's own converters make of values, and what they read back.
// See README.md beside this file for how to run it.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.confluent.connect.avro.AvroConverter;
import io.confluent.kafka.schemaregistry.client.MockSchemaRegistryClient;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.*;
import org.apache.kafka.connect.converters.*;

public class Goldens {
    static final JsonNodeFactory J = JsonNodeFactory.instance;
    static final ArrayNode OUT = J.arrayNode();
    static MockSchemaRegistryClient registry;

    record Data(String name, Schema schema, Object value) {}

    // Schemas and values in a neutral form that loses nothing.

    static JsonNode schema(Schema s) {
        if (s == null) return J.nullNode();
        ObjectNode n = J.objectNode();
        n.put("type", s.type().name());
        n.put("optional", s.isOptional());
        n.put("name", s.name());
        n.put("version", s.version());
        n.put("doc", s.doc());
        ArrayNode parameters = n.putArray("parameters");
        if (s.parameters() != null) s.parameters().forEach((k, v) -> parameters.add(J.arrayNode().add(k).add(v)));
        if (s.type() == Schema.Type.MAP) n.set("key", schema(s.keySchema()));
        if (s.type() == Schema.Type.MAP || s.type() == Schema.Type.ARRAY) n.set("value", schema(s.valueSchema()));
        if (s.type() == Schema.Type.STRUCT) {
            ArrayNode fields = n.putArray("fields");
            for (Field f : s.fields()) fields.add(J.arrayNode().add(f.name()).add(schema(f.schema())));
        }
        if (s.defaultValue() != null) n.set("default", value(s, s.defaultValue()));
        return n;
    }

    static ObjectNode tag(String type, JsonNode v) {
        return J.objectNode().set(type, v);
    }

    static JsonNode value(Schema s, Object v) {
        if (v == null) return J.nullNode();
        String name = s == null || s.name() == null ? "" : s.name();
        switch (name) {
            case Decimal.LOGICAL_NAME: v = Decimal.fromLogical(s, (BigDecimal) v); break;
            case Date.LOGICAL_NAME: v = Date.fromLogical(s, (java.util.Date) v); break;
            case Time.LOGICAL_NAME: v = Time.fromLogical(s, (java.util.Date) v); break;
            case Timestamp.LOGICAL_NAME: v = Timestamp.fromLogical(s, (java.util.Date) v); break;
        }
        if (v instanceof Boolean b) return tag("BOOLEAN", J.booleanNode(b));
        if (v instanceof Byte b) return tag("INT8", J.textNode(b.toString()));
        if (v instanceof Short b) return tag("INT16", J.textNode(b.toString()));
        if (v instanceof Integer b) return tag("INT32", J.textNode(b.toString()));
        if (v instanceof Long b) return tag("INT64", J.textNode(b.toString()));
        if (v instanceof Float b) return tag("FLOAT32", J.textNode(Integer.toUnsignedString(Float.floatToIntBits(b))));
        if (v instanceof Double b) return tag("FLOAT64", J.textNode(Long.toUnsignedString(Double.doubleToLongBits(b))));
        if (v instanceof String b) return tag("STRING", J.textNode(b));
        if (v instanceof byte[] b) return tag("BYTES", J.textNode(Base64.getEncoder().encodeToString(b)));
        if (v instanceof ByteBuffer b) {
            byte[] copy = new byte[b.remaining()];
            b.duplicate().get(copy);
            return tag("BYTES", J.textNode(Base64.getEncoder().encodeToString(copy)));
        }
        if (v instanceof List<?> list) {
            ArrayNode all = J.arrayNode();
            for (Object o : list) all.add(value(s == null ? null : s.valueSchema(), o));
            return tag("ARRAY", all);
        }
        if (v instanceof Map<?, ?> map) {
            ArrayNode all = J.arrayNode();
            map.forEach((k, o) -> all.add(J.arrayNode()
                .add(value(s == null ? null : s.keySchema(), k))
                .add(value(s == null ? null : s.valueSchema(), o))));
            return tag("MAP", all);
        }
        if (v instanceof Struct struct) {
            ArrayNode all = J.arrayNode();
            for (Field f : struct.schema().fields()) all.add(value(f.schema(), struct.getWithoutDefault(f.name())));
            return tag("STRUCT", all);
        }
        throw new IllegalArgumentException(v.getClass().toString());
    }

    static ObjectNode both(SchemaAndValue v) {
        if (v == null) v = SchemaAndValue.NULL;
        ObjectNode n = J.objectNode();
        n.set("schema", schema(v.schema()));
        n.set("value", value(v.schema(), v.value()));
        return n;
    }

    static ObjectNode begin(String name, Object converter, Map<String, String> config) {
        ObjectNode n = J.objectNode();
        n.put("name", name);
        n.put("converter", converter.getClass().getName());
        ObjectNode c = n.putObject("config");
        config.forEach((k, v) -> { if (!k.equals("schema.registry.url")) c.put(k, v); });
        return n;
    }

    // What a value becomes, and what is read back from that.
    static void encode(Data data, Converter converter, Map<String, String> config) throws Exception {
        converter.configure(config, false);
        ObjectNode n = begin(data.name, converter, config);
        n.set("schema", schema(data.schema));
        n.set("value", value(data.schema, data.value));
        try {
            byte[] bytes = converter.fromConnectData("topic", data.schema, data.value);
            n.put("bytes", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
            if (converter instanceof AvroConverter && bytes != null) {
                n.put("avro", registry.getLatestSchemaMetadata("topic-value").getSchema());
            }
            n.set("back", both(converter.toConnectData("topic", bytes)));
        } catch (Exception e) {
            n.put("error", e.toString());
        }
        OUT.add(n);
    }

    static void encodeHeader(Data data, HeaderConverter converter) throws Exception {
        ObjectNode n = begin(data.name, converter, Map.of());
        n.set("schema", schema(data.schema));
        n.set("value", value(data.schema, data.value));
        byte[] bytes = converter.fromConnectHeader("topic", "h", data.schema, data.value);
        n.put("bytes", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
        // A struct comes back as a map of unlike things, which the neutral form has no words for.
        if (!(data.value instanceof Struct)) n.set("back", both(converter.toConnectHeader("topic", "h", bytes)));
        OUT.add(n);
    }

    // What bytes are read as.
    static void decode(byte[] bytes, Converter converter, Map<String, String> config) {
        converter.configure(config, false);
        ObjectNode n = begin("read", converter, config);
        n.put("bytes", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
        try {
            n.set("back", both(converter.toConnectData("topic", bytes)));
        } catch (Exception e) {
            n.put("error", e.toString());
        }
        OUT.add(n);
    }

    static Map<String, String> config(String... pairs) {
        Map<String, String> c = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) c.put(pairs[i], pairs[i + 1]);
        return c;
    }

    static List<Data> data() {
        List<Data> all = new ArrayList<>();
        all.add(new Data("null", null, null));
        all.add(new Data("optional null", Schema.OPTIONAL_STRING_SCHEMA, null));
        all.add(new Data("boolean", Schema.BOOLEAN_SCHEMA, true));
        all.add(new Data("int8", Schema.INT8_SCHEMA, (byte) -7));
        all.add(new Data("int16", Schema.OPTIONAL_INT16_SCHEMA, (short) 300));
        all.add(new Data("int32", Schema.INT32_SCHEMA, Integer.MIN_VALUE));
        all.add(new Data("int64", Schema.INT64_SCHEMA, Long.MAX_VALUE));
        for (float f : new float[] {0f, -1.5f, 1e10f, 3.4e38f, 1.0e-3f, 16777216f})
            all.add(new Data("float32 " + f, Schema.FLOAT32_SCHEMA, f));
        for (double d : new double[] {0.0, -0.0, 0.1, 1e7, 9999999.0, 1e-3, 1e-4, 123456789.125, 1.7976931348623157e308,
                Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
            all.add(new Data("float64 " + d, Schema.FLOAT64_SCHEMA, d));
        for (String s : new String[] {"", "plain", "\"\\/\b\f\n\r\t\u0001\u001f\u007f", "ä€\u2028", "😀", "null"})
            all.add(new Data("string", Schema.STRING_SCHEMA, s));
        all.add(new Data("bytes", Schema.BYTES_SCHEMA, new byte[] {0, -1, 127, -128, 5}));
        all.add(new Data("decimal", Decimal.schema(2), new BigDecimal("-12345.67")));
        all.add(new Data("decimal", Decimal.schema(0), new BigDecimal(BigInteger.TWO.pow(100))));
        all.add(new Data("decimal", Decimal.schema(-3), new BigDecimal("12E+3")));
        all.add(new Data("decimal", Decimal.schema(10), new BigDecimal("0.0000000001")));
        all.add(new Data("optional decimal", Decimal.builder(2).optional().build(), null));
        all.add(new Data("decimal with precision", Decimal.builder(3).parameter("connect.decimal.precision", "10").build(),
            new BigDecimal("1.500")));
        all.add(new Data("date", Date.SCHEMA, new java.util.Date(86400000L * 19782)));
        all.add(new Data("time", Time.SCHEMA, new java.util.Date(86399999L)));
        all.add(new Data("timestamp", Timestamp.SCHEMA, new java.util.Date(-1L)));
        all.add(new Data("array", SchemaBuilder.array(Schema.INT32_SCHEMA).build(), List.of(1, 2, 3)));
        all.add(new Data("array", SchemaBuilder.array(Schema.OPTIONAL_STRING_SCHEMA).optional().build(), Arrays.asList("a", null)));
        all.add(new Data("array", SchemaBuilder.array(Schema.INT32_SCHEMA).build(), List.of()));
        all.add(new Data("map", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.INT64_SCHEMA).build(), Map.of("k", 5L)));
        all.add(new Data("map", SchemaBuilder.map(Schema.OPTIONAL_STRING_SCHEMA, Schema.INT64_SCHEMA).build(), Map.of("k", 5L)));
        all.add(new Data("map", SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.OPTIONAL_BOOLEAN_SCHEMA).optional().build(), Map.of(7, true)));
        Schema named = SchemaBuilder.int32().name("org.example.Count").version(3).doc("How \"many\"")
            .parameter("zulu", "1").parameter("alpha", "2").defaultValue(42).build();
        all.add(new Data("named", named, 7));
        all.add(new Data("default", SchemaBuilder.string().optional().defaultValue("x").build(), null));
        Schema inner = SchemaBuilder.struct().name("org.example.Inner").optional()
            .field("when", Timestamp.builder().optional().build())
            .field("price", Decimal.builder(2).defaultValue(new BigDecimal("1.00")).build())
            .build();
        Schema row = SchemaBuilder.struct().name("org.example.Row").version(2).doc("A row").parameter("p", "q")
            .field("id", Schema.INT64_SCHEMA)
            .field("small", Schema.INT16_SCHEMA)
            .field("tiny", Schema.OPTIONAL_INT8_SCHEMA)
            .field("name", SchemaBuilder.string().optional().doc("Its name").build())
            .field("named", named)
            .field("nodefault", SchemaBuilder.string().defaultValue("none").build())
            .field("optdefault", SchemaBuilder.int32().optional().defaultValue(5).build())
            .field("raw", Schema.OPTIONAL_BYTES_SCHEMA)
            .field("tags", SchemaBuilder.array(Schema.OPTIONAL_STRING_SCHEMA).optional().build())
            .field("attrs", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.OPTIONAL_FLOAT64_SCHEMA).build())
            .field("pairs", SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.STRING_SCHEMA).optional().build())
            .field("day", Date.SCHEMA)
            .field("inner", inner)
            .field("again", inner)
            .build();
        Struct full = new Struct(row).put("id", 1L).put("small", (short) 2).put("tiny", (byte) 3).put("name", "n")
            .put("named", 9).put("nodefault", "z").put("optdefault", 6).put("raw", new byte[] {1, 2})
            .put("tags", Arrays.asList("t", null)).put("attrs", Map.of("a", 0.5)).put("pairs", Map.of(4, "four"))
            .put("day", new java.util.Date(86400000L))
            .put("inner", new Struct(inner).put("when", new java.util.Date(12345L)).put("price", new BigDecimal("9.99")));
        all.add(new Data("struct", row, full));
        Struct sparse = new Struct(row).put("id", 1L).put("small", (short) 2).put("attrs", Collections.singletonMap("a", null))
            .put("day", new java.util.Date(0L)).put("named", 42).put("nodefault", "none");
        all.add(new Data("sparse struct", row, sparse));
        Schema anonymous = SchemaBuilder.struct().field("a", Schema.INT32_SCHEMA).build();
        all.add(new Data("anonymous struct", anonymous, new Struct(anonymous).put("a", 1)));
        Schema empty = SchemaBuilder.struct().name("Empty").optional().build();
        all.add(new Data("empty struct", empty, new Struct(empty)));
        all.add(new Data("optional struct", empty, null));
        all.add(new Data("array of structs", SchemaBuilder.array(anonymous).build(), List.of(new Struct(anonymous).put("a", 8))));
        return all;
    }

    // What only Avro's converter finds hard.
    static List<Data> awkward() {
        Schema named = SchemaBuilder.int16().name("org.example.Small").doc("d").version(2).defaultValue((short) 4).build();
        Schema pairs = SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.STRING_SCHEMA).name("org.example.Pairs").build();
        Schema far = SchemaBuilder.struct().name("far.Away").field("x", SchemaBuilder.array(Schema.INT8_SCHEMA).doc("xs").build()).build();
        Schema plain = SchemaBuilder.struct().name("Plain").field("far", far).field("again", far).build();
        Schema outer = SchemaBuilder.struct().name("near.by.Outer").field("plain", plain).field("far", far)
            .field("list", SchemaBuilder.array(far).defaultValue(List.of()).build())
            .field("map", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.BOOLEAN_SCHEMA).defaultValue(Map.of("k", true)).build())
            .field("raw", SchemaBuilder.bytes().defaultValue(new byte[] {(byte) 0xff, 65}).build())
            .field("real", SchemaBuilder.float64().defaultValue(1.5).build())
            .field("day", Date.builder().defaultValue(new java.util.Date(86400000L)).build())
            .build();
        Struct away = new Struct(far).put("x", List.of((byte) 1));
        Schema twice = SchemaBuilder.struct().name("Twice")
            .field("a", SchemaBuilder.struct().field("x", Schema.INT32_SCHEMA).build())
            .field("b", SchemaBuilder.struct().field("y", Schema.INT32_SCHEMA).build()).build();
        Schema same = SchemaBuilder.struct().name("Same")
            .field("a", SchemaBuilder.struct().field("x", Schema.INT32_SCHEMA).build())
            .field("b", SchemaBuilder.struct().field("x", Schema.INT32_SCHEMA).build())
            .field("m", SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.STRING_SCHEMA).defaultValue(Map.of()).build())
            .field("n", SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.STRING_SCHEMA).optional().build()).build();
        return List.of(
            new Data("named small", named, (short) 1),
            new Data("named pairs", pairs, Map.of(1, "x")),
            new Data("names in many places", outer, new Struct(outer).put("plain", new Struct(plain).put("far", away).put("again", away))
                .put("far", away).put("list", List.of(away))),
            new Data("one without a name twice", same, new Struct(same)
                .put("a", new Struct(same.field("a").schema()).put("x", 1)).put("b", new Struct(same.field("b").schema()).put("x", 1))),
            new Data("two without a name", twice, new Struct(twice)
                .put("a", new Struct(twice.field("a").schema()).put("x", 1)).put("b", new Struct(twice.field("b").schema()).put("y", 1))));
    }

    // Avro as others write it: a schema, and a value as Avro's JSON.
    static List<String[]> foreign() {
        String r = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":\"long\"}]}";
        return List.of(
            new String[] {"{\"type\":\"enum\",\"name\":\"a.E\",\"symbols\":[\"A\",\"B\"]}", "\"B\""},
            new String[] {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"\\u0001\\u00ff\""},
            new String[] {"[\"int\",\"string\"]", "{\"string\":\"x\"}"},
            new String[] {"[\"null\",\"int\",\"string\"," + r + "]", "{\"R\":{\"x\":7}}"},
            new String[] {"{\"type\":\"map\",\"values\":[\"null\",\"int\"]}", "{\"k\":{\"int\":4}}"},
            new String[] {"{\"type\":\"record\",\"name\":\"V\",\"namespace\":\"a.b\",\"doc\":\"the doc\",\"fields\":["
                + "{\"name\":\"id\",\"type\":{\"type\":\"int\",\"connect.default\":3},\"default\":3,\"doc\":\"an id\"},"
                + "{\"name\":\"n\",\"type\":[\"null\",\"string\"],\"default\":null},"
                + "{\"name\":\"s\",\"type\":\"string\",\"default\":\"dd\"},"
                + "{\"name\":\"o\",\"type\":[\"long\",\"null\"],\"default\":5},"
                + "{\"name\":\"d\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
                + "{\"name\":\"t\",\"type\":{\"type\":\"int\",\"logicalType\":\"time-millis\"}},"
                + "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
                + "{\"name\":\"tu\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
                + "{\"name\":\"uuid\",\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\"}},"
                + "{\"name\":\"dec\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":5,\"scale\":2}},"
                + "{\"name\":\"mt\",\"type\":{\"type\":\"long\",\"connect.version\":1,\"connect.name\":\"io.debezium.time.MicroTimestamp\"}},"
                + "{\"name\":\"r\",\"type\":[\"null\"," + r + "],\"default\":null},"
                + "{\"name\":\"rs\",\"type\":{\"type\":\"array\",\"items\":\"R\"}},"
                + "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]},\"default\":\"A\"},"
                + "{\"name\":\"e2\",\"type\":[\"null\",\"E\"]},"
                + "{\"name\":\"fx\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
                + "{\"name\":\"u\",\"type\":[\"null\",\"boolean\",\"R\",{\"type\":\"array\",\"items\":\"int\"}]}"
                + "],\"connect.name\":\"a.b.V\"}",
                "{\"id\":1,\"n\":null,\"s\":\"s\",\"o\":{\"long\":6},\"d\":1,\"t\":2,\"ts\":3,\"tu\":4,\"uuid\":\"u\",\"dec\":\"\\u0001\","
                + "\"mt\":9,\"r\":{\"a.b.R\":{\"x\":1}},\"rs\":[{\"x\":2}],\"e\":\"B\",\"e2\":{\"a.b.E\":\"A\"},\"fx\":\"\\u0000\\u0010\",\"u\":{\"array\":[1,2]}}"});
    }

    static void decodeAvro(String json, String datum, Map<String, String> config) throws Exception {
        var schema = new org.apache.avro.Schema.Parser().parse(json);
        registry = new MockSchemaRegistryClient();
        int id = registry.register("topic-value", new io.confluent.kafka.schemaregistry.avro.AvroSchema(schema));
        var out = new java.io.ByteArrayOutputStream();
        out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(id).array());
        var encoder = org.apache.avro.io.EncoderFactory.get().binaryEncoder(out, null);
        Object value = new org.apache.avro.generic.GenericDatumReader<Object>(schema)
            .read(null, org.apache.avro.io.DecoderFactory.get().jsonDecoder(schema, datum));
        new org.apache.avro.generic.GenericDatumWriter<Object>(schema).write(value, encoder);
        encoder.flush();
        Map<String, String> with = new LinkedHashMap<>(config);
        with.put("schema.registry.url", "http://none");
        decode(out.toByteArray(), new AvroConverter(registry), with);
        ((ObjectNode) OUT.get(OUT.size() - 1)).put("avro", schema.toString());
    }

    static List<Data> schemaless() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("a", 1L);
        map.put("b", Arrays.asList("x", null, 2.5));
        return List.of(
            new Data("schemaless text", null, "text"),
            new Data("schemaless number", null, 12L),
            new Data("schemaless int", null, 12),
            new Data("schemaless double", null, 1.25),
            new Data("schemaless boolean", null, false),
            new Data("schemaless bytes", null, new byte[] {1}),
            new Data("schemaless map", null, map),
            new Data("schemaless map of numbers", null, Map.of(1L, 2L)));
    }

    public static void main(String[] args) throws Exception {
        List<Map<String, String>> json = List.of(
            config(), config("schemas.enable", "false"), config("decimal.format", "NUMERIC"),
            config("schemas.enable", "false", "decimal.format", "NUMERIC", "replace.null.with.default", "false"));
        List<Data> all = new ArrayList<>(data());
        all.addAll(schemaless());
        for (var c : json) for (Data d : all) encode(d, new JsonConverter(), c);
        for (Data d : all) {
            if (d.value instanceof byte[] || d.value instanceof java.util.Date) continue;
            if (d.name.contains("struct") && !d.name.equals("anonymous struct")) continue;
            encode(d, new StringConverter(), config());
        }
        for (Data d : all) {
            if (d.value == null || d.schema == null) continue;
            if (d.value instanceof Boolean) encode(d, new BooleanConverter(), config());
            if (d.value instanceof Short) encode(d, new ShortConverter(), config());
            if (d.value instanceof Integer && d.schema.name() == null) encode(d, new IntegerConverter(), config());
            if (d.value instanceof Long) encode(d, new LongConverter(), config());
            if (d.value instanceof Float) encode(d, new FloatConverter(), config());
            if (d.value instanceof Double) encode(d, new DoubleConverter(), config());
            if (d.value instanceof byte[]) encode(d, new ByteArrayConverter(), config());
        }
        encode(new Data("ä as latin", Schema.STRING_SCHEMA, "ä€"), new StringConverter(), config("converter.encoding", "ISO-8859-1"));
        for (Converter c : List.of(new BooleanConverter(), new ShortConverter(), new IntegerConverter(), new LongConverter(),
                new FloatConverter(), new DoubleConverter(), new ByteArrayConverter(), new StringConverter())) {
            decode(null, c, config());
            decode(new byte[] {0, 1, 2}, c, config());
            decode(new byte[0], c, config());
        }
        for (Data d : all) {
            if (d.name.startsWith("float64 ") || d.name.equals("empty struct")) continue;
            encodeHeader(d, new SimpleHeaderConverter());
        }
        for (String s : List.of("", " ", "null", "true", "TRUE", "1", "-129", "+5", "40000", "3000000000", "99999999999999999999",
                "1.5", "-0.25", "1e3", "1e400", "0x10", "1-2", "2024-02-29", "2024-02-30", "2024-02-29T01:02:03.004Z", "01:02:03.004Z",
                "hello world", " 12 ", "[1,2,300]", "[1, \"a\"]", "[]", "{\"a\":1,\"b\":2}", "{}", "[1,2", "\"quoted\"", "a:b", "[true,false]", "1,2")) {
            ObjectNode n = begin("read " + s, new SimpleHeaderConverter(), Map.of());
            byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
            n.put("bytes", Base64.getEncoder().encodeToString(bytes));
            n.set("back", both(new SimpleHeaderConverter().toConnectHeader("topic", "h", bytes)));
            OUT.add(n);
        }
        String[] texts = {"{}", "[]", "null", "1", "{\"schema\":null,\"payload\":{\"a\":[1,2.5,\"x\",null,true]}}", "{\"payload\":1}",
            "{\"schema\":{\"type\":\"int32\"},\"payload\":5,\"more\":1}", "{\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":null}",
            "{\"schema\":{\"type\":\"int32\",\"optional\":false,\"default\":3},\"payload\":null}",
            "{\"schema\":{\"type\":\"nope\"},\"payload\":1}", "{\"schema\":{\"fields\":[]},\"payload\":1}", "nonsense", "{\"a\":1.0,\"b\":1e2}"};
        for (String t : texts) for (String enable : List.of("true", "false"))
            decode(t.getBytes(StandardCharsets.UTF_8), new JsonConverter(), config("schemas.enable", enable));
        List<Map<String, String>> avro = List.of(config(), config("enhanced.avro.schema.support", "true"), config("connect.meta.data", "false"));
        for (var c : avro) for (Data d : all) {
            registry = new MockSchemaRegistryClient();
            Map<String, String> with = new LinkedHashMap<>(c);
            with.put("schema.registry.url", "http://none");
            encode(d, new AvroConverter(registry), with);
        }
        for (Data d : awkward()) {
            registry = new MockSchemaRegistryClient();
            encode(d, new AvroConverter(registry), config("schema.registry.url", "http://none"));
        }
        for (String[] f : foreign()) decodeAvro(f[0], f[1], config());
        StringBuilder text = new StringBuilder("[\n");
        ObjectMapper mapper = new ObjectMapper();
        for (int i = 0; i < OUT.size(); i++) text.append(mapper.writeValueAsString(OUT.get(i))).append(i + 1 < OUT.size() ? ",\n" : "\n");
        System.out.print(text.append("]\n"));
    }
}
