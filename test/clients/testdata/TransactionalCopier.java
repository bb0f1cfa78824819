import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** Copies a topic to another in transactions, every other of which it aborts and does again; then a second of it fences the first. */
public class TransactionalCopier {
    static KafkaProducer<String, String> producer(String servers) {
        return new KafkaProducer<>(Map.of("bootstrap.servers", servers, "transactional.id", "copier", "transaction.timeout.ms", "60000"),
            new StringSerializer(), new StringSerializer());
    }

    public static void main(String[] args) {
        String servers = args[0], from = args[1], to = args[2];
        int total = Integer.parseInt(args[3]);
        KafkaProducer<String, String> producer = producer(servers);
        producer.initTransactions();
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", servers, "group.id", "copier",
            "isolation.level", "read_committed", "auto.offset.reset", "earliest", "enable.auto.commit", "false", "max.poll.records", "20",
            "group.protocol", "classic"), new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(from));
        int copied = 0;
        for (int round = 0; copied < total; round++) {
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(500));
            if (records.isEmpty())
                continue;
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>(), before = new HashMap<>();
            for (TopicPartition p : records.partitions()) {
                List<ConsumerRecord<String, String>> list = records.records(p);
                offsets.put(p, new OffsetAndMetadata(list.get(list.size() - 1).offset() + 1));
                before.put(p, new OffsetAndMetadata(list.get(0).offset()));
            }
            producer.beginTransaction();
            for (ConsumerRecord<String, String> r : records)
                producer.send(new ProducerRecord<>(to, r.key(), r.value() + (round % 2 == 0 ? " aborted" : "")));
            if (round % 2 == 0) {
                producer.flush();
                producer.abortTransaction();
                before.forEach((p, o) -> consumer.seek(p, o.offset()));
                continue;
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
            copied += records.count();
        }
        consumer.close();
        System.out.println("copied " + copied);

        producer.beginTransaction();
        producer.send(new ProducerRecord<>(to, "k", "zombie"));
        producer.flush();
        try (KafkaProducer<String, String> heir = producer(servers)) {
            heir.initTransactions();
            try {
                producer.send(new ProducerRecord<>(to, "k", "late zombie"));
                producer.commitTransaction();
                System.out.println("the zombie committed");
            } catch (ProducerFencedException | InvalidProducerEpochException e) {
                System.out.println("fenced");
            } catch (KafkaException e) {
                System.out.println(e.getCause() instanceof ProducerFencedException || e.getCause() instanceof InvalidProducerEpochException
                    ? "fenced" : "failed: " + e);
            }
            heir.beginTransaction();
            heir.send(new ProducerRecord<>(to, "k", "heir"));
            heir.commitTransaction();
            heir.beginTransaction(); // a transaction of nothing, both ways
            heir.abortTransaction();
            heir.beginTransaction();
            heir.commitTransaction();
        }
        producer.close(Duration.ZERO);
    }
}
