import io.confluent.connect.avro.AvroConverter;
import io.confluent.kafka.serializers.KafkaAvroDeserializer;
import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;

/**
 * Reads whole topics with the classes other people's Java consumers use and prints one JSON object per record.
 *
 * <p>{@code java -cp JARS ReadTopics.java BOOTSTRAP REGISTRY generic|converter|raw TOPIC...}: {@code generic} decodes by
 * KafkaAvroDeserializer, {@code converter} by Kafka Connect's AvroConverter, {@code raw} decodes by the former and adds the
 * bytes of key and value. A TOPIC that ends in {@code *} is a prefix, one that begins with {@code !} is left out. Every partition is read at read_committed from its
 * beginning to the end it had at the start.
 *
 * <p>In the output bytes are {@code {"bytes": base64}}, decimals of the converter {@code {"decimal": text}}, and NaN and the
 * infinities text: the same as read_topics.py prints.
 */
public final class ReadTopics {
    private final PrintStream out;
    private final String mode;
    private final KafkaAvroDeserializer keys = new KafkaAvroDeserializer();
    private final KafkaAvroDeserializer values = new KafkaAvroDeserializer();
    private final AvroConverter keyConverter = new AvroConverter();
    private final AvroConverter valueConverter = new AvroConverter();

    private ReadTopics(PrintStream out, String registry, String mode) {
        this.out = out;
        this.mode = mode;
        // Without the logical types a decimal is only bytes, which is what "raw" shows.
        Map<String, Object> settings = Map.of(
                "schema.registry.url", registry,
                "avro.use.logical.type.converters", mode.equals("generic"));
        keys.configure(settings, true);
        values.configure(settings, false);
        keyConverter.configure(settings, true);
        valueConverter.configure(settings, false);
    }

    public static void main(String[] args) {
        List<String> wanted = Arrays.asList(args).subList(3, args.length);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("isolation.level", "read_committed");
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "none");
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);
        ReadTopics reader = new ReadTopics(out, args[1], args[2]);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.listTopics().forEach((topic, infos) -> {
                if (!wanted.contains("!" + topic) && wanted.stream().anyMatch(w -> matches(w, topic))) {
                    infos.forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
                }
            });
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (!finished(consumer, ends)) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
                        reader.print(record);
                    }
                });
            }
        }
        out.flush();
    }

    private static boolean matches(String wanted, String topic) {
        return wanted.endsWith("*")
                ? topic.startsWith(wanted.substring(0, wanted.length() - 1))
                : topic.equals(wanted);
    }

    /** The position passes transaction markers, so it reaches the end although they are no records. */
    private static boolean finished(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
        return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    }

    private void print(ConsumerRecord<byte[], byte[]> record) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("topic", record.topic());
        line.put("partition", record.partition());
        line.put("offset", record.offset());
        line.put("timestamp", record.timestamp());
        List<Object> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            String value = header.value() == null ? null : Base64.getEncoder().encodeToString(header.value());
            headers.add(Arrays.asList(header.key(), value));
        }
        line.put("headers", headers);
        line.put("key_schema", schemaId(record.key()));
        line.put("value_schema", schemaId(record.value()));
        if (mode.equals("converter")) {
            line.put("key", keyConverter.toConnectData(record.topic(), record.key()).value());
            line.put("value", valueConverter.toConnectData(record.topic(), record.value()).value());
        } else {
            line.put("key", keys.deserialize(record.topic(), record.key()));
            line.put("value", values.deserialize(record.topic(), record.value()));
        }
        if (mode.equals("raw")) {
            line.put("key_bytes", base64(record.key()));
            line.put("value_bytes", base64(record.value()));
        }
        StringBuilder text = new StringBuilder(1024);
        write(text, line);
        out.println(text);
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    private static Integer schemaId(byte[] framed) {
        return framed == null ? null : ByteBuffer.wrap(framed).getInt(1);
    }

    private static void write(StringBuilder to, Object value) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long
                || value instanceof Short || value instanceof Byte) {
            to.append(value);
        } else if (value instanceof Float || value instanceof Double) {
            double number = ((Number) value).doubleValue();
            to.append(Double.isFinite(number) ? Double.toString(number) : '"' + value.toString() + '"');
        } else if (value instanceof BigDecimal decimal) {
            write(to, Map.of("decimal", decimal.toPlainString()));
        } else if (value instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            write(to, bytes);
        } else if (value instanceof GenericFixed fixed) {
            write(to, fixed.bytes());
        } else if (value instanceof byte[] bytes) {
            write(to, Map.of("bytes", base64(bytes)));
        } else if (value instanceof GenericRecord record) {
            Map<String, Object> fields = new LinkedHashMap<>();
            record.getSchema().getFields().forEach(f -> fields.put(f.name(), record.get(f.pos())));
            write(to, fields);
        } else if (value instanceof Struct struct) {
            // get() would put the schema's default in the place of null.
            Map<String, Object> fields = new LinkedHashMap<>();
            for (Field field : struct.schema().fields()) {
                fields.put(field.name(), struct.getWithoutDefault(field.name()));
            }
            write(to, fields);
        } else if (value instanceof Map<?, ?> map) {
            to.append('{');
            String separator = "";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                to.append(separator);
                quote(to, entry.getKey().toString());
                to.append(':');
                write(to, entry.getValue());
                separator = ",";
            }
            to.append('}');
        } else if (value instanceof Collection<?> items) {
            to.append('[');
            String separator = "";
            for (Object item : items) {
                to.append(separator);
                write(to, item);
                separator = ",";
            }
            to.append(']');
        } else {
            quote(to, value.toString());
        }
    }

    private static void quote(StringBuilder to, String text) {
        to.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                to.append('\\').append(c);
            } else if (c < 0x20) {
                to.append(String.format("\\u%04x", (int) c));
            } else {
                to.append(c);
            }
        }
        to.append('"');
    }
}
