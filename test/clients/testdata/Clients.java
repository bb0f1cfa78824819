import java.time.Duration;
import java.util.*;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * The conversation of Apache Kafka's own clients with a node, whose address is the argument. It prints what it has shown, and what the
 * node says that it does not have ("missing"); a false answer ends it.
 */
public class Clients {
    static final Duration LONG = Duration.ofSeconds(60); // that an await may take
    static String broker;
    static Admin admin;

    interface Part { void run() throws Exception; }

    public static void main(String[] args) throws Exception {
        broker = args[0];
        admin = Admin.create(properties());
        System.out.println("client Apache Kafka's Java clients " + AppInfoParser.getVersion());
        Map<String, Part> parts = new LinkedHashMap<>();
        parts.put("transactions", Clients::transactions);
        parts.put("consumers", Clients::consumers);
        parts.put("topics", Clients::topics);
        parts.put("configurations", Clients::configurations);
        parts.put("groups", Clients::groups);
        parts.put("cluster", Clients::cluster);
        parts.put("quotas", Clients::quotas);
        parts.put("elections", Clients::elections);
        parts.put("hanging transactions", Clients::hanging);
        parts.put("SCRAM credentials", Clients::scram);
        parts.put("ACLs", Clients::acls);
        parts.put("share groups", Clients::shareGroups);
        for (Map.Entry<String, Part> part : parts.entrySet()) {
            long begin = System.nanoTime();
            try {
                part.getValue().run();
            } catch (Throwable e) {
                Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
                if (!(cause instanceof UnsupportedVersionException) && !(cause instanceof SecurityDisabledException)) {
                    System.out.flush();
                    throw new Error(part.getKey() + ": " + e, e);
                }
                System.out.println("missing " + part.getKey());
            }
            System.err.printf("%s took %d ms%n", part.getKey(), (System.nanoTime() - begin) / 1_000_000);
        }
        admin.close();
        System.exit(0);
    }

    static void shown(String format, Object... args) { System.out.printf("shown " + format + "%n", args); }

    static Properties properties(String... more) {
        Properties p = new Properties();
        p.put("bootstrap.servers", broker);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        for (int i = 0; i < more.length; i += 2)
            p.put(more[i], more[i + 1]);
        return p;
    }

    static void same(String what, Object got, Object want) {
        if (!Objects.equals(got, want))
            throw new AssertionError(what + ": got " + got + ", want " + want);
    }

    static void awaited(String what, BooleanSupplier ask) {
        for (long end = System.nanoTime() + LONG.toNanos(); !ask.getAsBoolean(); )
            if (System.nanoTime() > end)
                throw new AssertionError("waited in vain for " + what);
    }

    /** That a call is refused with an error of a class. */
    static void refused(Class<? extends Exception> with, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (Exception e) {
            Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
            if (with.isInstance(cause))
                return;
            throw e;
        }
        throw new AssertionError("not refused with " + with);
    }

    static <T> T of(KafkaFuture<T> f) throws Exception { return f.get(60, java.util.concurrent.TimeUnit.SECONDS); }

    static Uuid create(String topic, int partitions) throws Exception {
        CreateTopicsResult made = admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1)));
        return of(made.topicId(topic));
    }

    static List<String> numbered(String prefix, int n) {
        return IntStream.range(0, n).mapToObj(i -> prefix + i).sorted().collect(Collectors.toList());
    }

    static void produce(String topic, List<String> values, String... more) {
        try (Producer<String, String> p = new KafkaProducer<>(properties(more))) {
            for (String v : values)
                p.send(new ProducerRecord<>(topic, v, v));
        }
    }

    static List<String> read(Consumer<String, String> c, int n) {
        List<String> got = new ArrayList<>();
        awaited(n + " records", () -> {
            for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(100)))
                got.add(r.value());
            return got.size() >= n;
        });
        Collections.sort(got);
        return got;
    }

    static void transactions() throws Exception {
        create("in", 3);
        create("out", 3);
        produce("in", numbered("in", 300));
        Properties tx = properties("transactional.id", "etl", "transaction.timeout.ms", "60000");
        KafkaProducer<String, String> first = new KafkaProducer<>(tx);
        first.initTransactions();
        Consumer<String, String> c = new KafkaConsumer<>(properties("group.id", "etl", "isolation.level", "read_committed", "max.poll.records", "20"));
        c.subscribe(List.of("in"));
        int done = 0, turn = 0;
        KafkaProducer<String, String> p = first;
        while (done < 300) {
            ConsumerRecords<String, String> batch = c.poll(Duration.ofMillis(200));
            if (batch.isEmpty())
                continue;
            p.beginTransaction();
            for (ConsumerRecord<String, String> r : batch)
                p.send(new ProducerRecord<>("out", r.key(), r.value()));
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (TopicPartition tp : batch.partitions())
                offsets.put(tp, new OffsetAndMetadata(c.position(tp)));
            p.sendOffsetsToTransaction(offsets, c.groupMetadata());
            if (++turn % 3 == 0) { // what is aborted is read again
                p.abortTransaction();
                Map<TopicPartition, OffsetAndMetadata> committed = c.committed(c.assignment());
                for (TopicPartition tp : c.assignment())
                    c.seek(tp, committed.get(tp) == null ? 0 : committed.get(tp).offset());
                continue;
            }
            p.commitTransaction();
            done += batch.count();
            if (p == first && done >= 100) { // an heir takes the id, in the middle of a transaction
                p.beginTransaction();
                p.send(new ProducerRecord<>("out", "zombie", "of a zombie")).get();
                p = new KafkaProducer<>(tx);
                p.initTransactions();
                refused(KafkaException.class, () -> { first.commitTransaction(); return null; });
            }
        }
        c.close();
        first.close();
        try (Consumer<String, String> judge = new KafkaConsumer<>(properties("group.id", "judge", "isolation.level", "read_committed"))) {
            judge.subscribe(List.of("out"));
            same("the output", read(judge, 300), numbered("in", 300));
            Map<TopicPartition, Long> ends = judge.endOffsets(judge.assignment());
            awaited("the end", () -> { judge.poll(Duration.ofMillis(10)); return ends.entrySet().stream().allMatch(e -> judge.position(e.getKey()) >= e.getValue()); });
        }
        // A transaction that is open is described; fenceProducers ends it.
        p.beginTransaction();
        RecordMetadata at = p.send(new ProducerRecord<>("out", 0, "k", "left open")).get();
        TopicPartition tp = new TopicPartition("out", 0);
        TransactionDescription described = of(admin.describeTransactions(List.of("etl")).description("etl"));
        same("its state and partitions", described.state() + " " + described.topicPartitions(), "Ongoing " + Set.of(tp));
        TransactionListing listed = of(admin.listTransactions(new ListTransactionsOptions().filterStates(List.of(TransactionState.ONGOING))).all()).iterator().next();
        same("listed", listed.transactionalId() + listed.producerId(), "etl" + described.producerId());
        List<ProducerState> producers = of(admin.describeProducers(List.of(tp)).partitionResult(tp)).activeProducers();
        same("producers with a transaction", producers.stream().filter(s -> s.currentTransactionStartOffset().isPresent()).map(s -> s.currentTransactionStartOffset().getAsLong()).toList(), List.of(at.offset()));
        of(admin.fenceProducers(List.of("etl")).all());
        KafkaProducer<String, String> fenced = p;
        refused(KafkaException.class, () -> { fenced.commitTransaction(); return null; });
        p.close();
        FinalizedVersionRange version = of(admin.describeFeatures().featureMetadata()).finalizedFeatures().get("transaction.version");
        shown("transactions at transaction.version %d: read, process, write with offsets in the transaction, aborts read again, zombies fenced, each output once for read_committed readers", version == null ? 0 : version.maxVersionLevel());
        shown("admin: transactions listed and described, the producers of a partition, fenceProducers");
    }

    static void consumers() throws Exception {
        create("shared", 4);
        produce("shared", numbered("v", 400), "compression.type", "zstd");
        for (String protocol : List.of("classic", "consumer")) {
            String[] conf = {"group.id", "pair-" + protocol, "group.protocol", protocol};
            Consumer<String, String> one = new KafkaConsumer<>(properties(conf)), two = new KafkaConsumer<>(properties(conf));
            List<String> said = new ArrayList<>();
            one.subscribe(List.of("shared"), new ConsumerRebalanceListener() {
                public void onPartitionsRevoked(Collection<TopicPartition> p) { if (!p.isEmpty()) said.add("revoked"); one.commitSync(); }
                public void onPartitionsAssigned(Collection<TopicPartition> p) { if (!p.isEmpty()) said.add("assigned"); }
            });
            same("read", read(one, 400), numbered("v", 400));
            one.commitSync();
            two.subscribe(List.of("shared"));
            List<String> twice = new ArrayList<>();
            awaited("two each", () -> {
                one.poll(Duration.ofMillis(50)).forEach(r -> twice.add(r.value()));
                two.poll(Duration.ofMillis(50)).forEach(r -> twice.add(r.value()));
                return one.assignment().size() == 2 && two.assignment().size() == 2;
            });
            same("read twice", twice, List.of());
            same("the listener was told", said.contains("assigned") && said.contains("revoked"), true);
            ConsumerGroupDescription g = of(admin.describeConsumerGroups(List.of("pair-" + protocol)).all()).get("pair-" + protocol);
            same("described", g.groupState() + " " + g.type() + " " + g.members().size(), "Stable " + (protocol.equals("classic") ? "Classic" : "Consumer") + " 2");
            two.close();
            awaited("all four", () -> { one.poll(Duration.ofMillis(50)); return one.assignment().size() == 4; });
            TopicPartition tp = one.assignment().iterator().next();
            one.pause(one.assignment());
            one.seekToBeginning(List.of(tp));
            same("paused", one.poll(Duration.ofMillis(10)).count(), 0);
            one.resume(List.of(tp));
            long end = one.endOffsets(List.of(tp)).get(tp);
            same("after the seek", read(one, (int) end).size(), (int) end);
            same("by time", one.offsetsForTimes(Map.of(tp, 1L)).get(tp).offset(), 0L);
            one.close();
            Consumer<String, String> pinned = new KafkaConsumer<>(properties("group.id", "static-" + protocol, "group.protocol", protocol, "group.instance.id", "one"));
            pinned.subscribe(Pattern.compile("sha.*"));
            same("by a pattern", read(pinned, 400).size(), 400);
            pinned.close(); // it keeps its partitions for the session's time
            if (protocol.equals("classic"))
                of(admin.removeMembersFromConsumerGroup("static-classic", new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("one")))).all());
            shown("a group of two in the %s protocol: a rebalance with a listener, nothing read twice, pause, seek, offsets by time; a static member subscribed by pattern", protocol);
        }
        try (Consumer<String, String> c = new KafkaConsumer<>(properties("group.id", "re2", "group.protocol", "consumer"))) {
            c.subscribe(new SubscriptionPattern("sha(red|ken)"));
            same("by the server's pattern", read(c, 400).size(), 400);
        }
        shown("a subscription by a pattern that the server matches (RE2, the consumer protocol)");
    }

    static void topics() throws Exception {
        Uuid id = create("adm", 2);
        TopicDescription d = of(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).topicIdValues().get(id));
        same("by id", d.name() + " " + d.partitions().size(), "adm 2");
        refused(TopicExistsException.class, () -> create("adm", 2));
        refused(InvalidReplicationFactorException.class, () -> of(admin.createTopics(List.of(new NewTopic("three", 1, (short) 3))).all()));
        refused(InvalidTopicException.class, () -> create("not/a/name", 1));
        of(admin.createTopics(List.of(new NewTopic("onlychecked", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all());
        same("not made", of(admin.listTopics().names()).contains("onlychecked"), false);
        of(admin.createPartitions(Map.of("adm", NewPartitions.increaseTo(5))).all());
        refused(InvalidPartitionsException.class, () -> of(admin.createPartitions(Map.of("adm", NewPartitions.increaseTo(3))).all()));
        TopicPartition tp = new TopicPartition("adm", 4);
        try (Producer<String, String> p = new KafkaProducer<>(properties())) {
            for (int i = 0; i < 20; i++)
                p.send(new ProducerRecord<>("adm", 4, 1_000_000L + (i == 7 ? 1000 : i), "k", "v" + i, List.of(new RecordHeader("h", new byte[]{1})))).get();
        }
        Map<OffsetSpec, Long> specs = new LinkedHashMap<>();
        specs.put(OffsetSpec.earliest(), 0L);
        specs.put(OffsetSpec.latest(), 20L);
        specs.put(OffsetSpec.maxTimestamp(), 7L);
        specs.put(OffsetSpec.forTimestamp(1_000_015L), 7L);
        specs.put(OffsetSpec.earliestLocal(), 0L);
        for (Map.Entry<OffsetSpec, Long> s : specs.entrySet())
            same(s.getKey().getClass().getSimpleName(), of(admin.listOffsets(Map.of(tp, s.getKey())).partitionResult(tp)).offset(), s.getValue());
        same("low watermark", of(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(5))).lowWatermarks().get(tp)).lowWatermark(), 5L);
        refused(org.apache.kafka.common.errors.OffsetOutOfRangeException.class, () -> of(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(500))).all()));
        of(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
        refused(UnknownTopicIdException.class, () -> of(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds()));
        same("another id", create("adm", 1).equals(id), false);
        shown("admin: topics made, checked, grown, described and deleted, by name and by id, made again; offsets by earliest, latest, maximal timestamp, time, local; records deleted");
    }

    static void configurations() throws Exception {
        create("conf", 1);
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "conf");
        of(admin.incrementalAlterConfigs(Map.of(topic, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "70000"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)))).all());
        of(admin.incrementalAlterConfigs(Map.of(topic, List.of(
            new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.SUBTRACT)))).all());
        Config c = of(admin.describeConfigs(List.of(topic), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all()).get(topic);
        same("values", c.get("retention.ms").value() + " " + c.get("cleanup.policy").value(), "70000 compact");
        same("source", c.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
        for (ConfigEntry e : c.entries())
            if (e.documentation() == null || e.type() == ConfigEntry.ConfigType.UNKNOWN)
                throw new AssertionError(e.name() + " has no documentation or type");
        Set<String> known = new TreeSet<>();
        for (java.lang.reflect.Field f : TopicConfig.class.getFields())
            if (f.getName().endsWith("_CONFIG"))
                known.add((String) f.get(null));
        Set<String> told = c.entries().stream().map(ConfigEntry::name).collect(Collectors.toSet());
        known.removeAll(told);
        known.removeIf(n -> n.startsWith("message.format") || n.startsWith("message.timestamp.difference") || n.startsWith("message.downconversion"));
        same("names of TopicConfig that are not told", known, Set.of());
        refused(InvalidConfigurationException.class, () -> of(admin.incrementalAlterConfigs(Map.of(topic, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all()));
        same("resources", of(admin.listConfigResources().all()).contains(topic), true);
        shown("admin: configurations set, appended, subtracted, described with synonyms, types and documentation, every name of TopicConfig; false values refused");
    }

    static void groups() throws Exception {
        create("moved", 2);
        TopicPartition a = new TopicPartition("moved", 0), b = new TopicPartition("moved", 1);
        of(admin.alterConsumerGroupOffsets("mover", Map.of(a, new OffsetAndMetadata(3, Optional.of(0), "by hand"), b, new OffsetAndMetadata(4))).all());
        Map<TopicPartition, OffsetAndMetadata> got = of(admin.listConsumerGroupOffsets("mover").partitionsToOffsetAndMetadata());
        same("offsets", got.get(a).offset() + got.get(a).metadata() + got.get(b).offset(), "3by hand4");
        of(admin.deleteConsumerGroupOffsets("mover", Set.of(a)).all());
        same("left", of(admin.listConsumerGroupOffsets("mover").partitionsToOffsetAndMetadata()).keySet(), Set.of(b));
        same("listed", of(admin.listGroups(new ListGroupsOptions()).all()).stream().anyMatch(g -> g.groupId().equals("mover") && g.groupState().orElseThrow() == GroupState.EMPTY), true);
        of(admin.deleteConsumerGroups(List.of("mover")).all());
        refused(GroupIdNotFoundException.class, () -> of(admin.deleteConsumerGroups(List.of("mover")).all()));
        refused(GroupIdNotFoundException.class, () -> of(admin.describeConsumerGroups(List.of("nosuch")).all()));
        Consumer<String, String> c = new KafkaConsumer<>(properties("group.id", "busy"));
        c.subscribe(List.of("moved"));
        awaited("its partitions", () -> { c.poll(Duration.ofMillis(50)); return c.assignment().size() == 2; });
        refused(GroupNotEmptyException.class, () -> of(admin.deleteConsumerGroups(List.of("busy")).all()));
        c.close();
        shown("admin: groups listed, described and deleted, offsets altered, listed and deleted; a group with members is not deleted");
    }

    static void cluster() throws Exception {
        DescribeClusterResult d = admin.describeCluster();
        same("nodes", of(d.nodes()).size(), 1);
        int node = of(d.controller()).id();
        same("the cluster's id is one", of(d.clusterId()).isEmpty(), false);
        LogDirDescription dir = of(admin.describeLogDirs(List.of(node)).allDescriptions()).get(node).values().iterator().next();
        same("bytes told", dir.totalBytes().getAsLong() > dir.usableBytes().getAsLong() && dir.usableBytes().getAsLong() > 0, true);
        same("leader of the quorum", of(admin.describeMetadataQuorum().quorumInfo()).leaderId(), node);
        same("reassignments", of(admin.listPartitionReassignments().reassignments()), Map.of());
        same("features", of(admin.describeFeatures().featureMetadata()).supportedFeatures().keySet().containsAll(Set.of("group.version", "transaction.version")), true);
        shown("admin: the cluster, its log directories, quorum, features and reassignments described");
    }

    static void quotas() throws Exception {
        ClientQuotaEntity alice = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "alice"));
        of(admin.alterClientQuotas(List.of(new ClientQuotaAlteration(alice, List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 5e6))))).all());
        same("quotas", of(admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, "alice")))).entities()), Map.of(alice, Map.of("consumer_byte_rate", 5e6)));
        shown("admin: client quotas set and described");
    }

    static void elections() throws Exception {
        create("elected", 1);
        TopicPartition tp = new TopicPartition("elected", 0);
        Optional<Throwable> no = of(admin.electLeaders(ElectionType.PREFERRED, Set.of(tp)).partitions()).get(tp);
        same("not needed", no != null && no.orElseThrow() instanceof ElectionNotNeededException, true);
        shown("admin: an election that is not needed is said to be so");
    }

    static void hanging() throws Exception {
        create("hung", 1);
        TopicPartition tp = new TopicPartition("hung", 0);
        try (KafkaProducer<String, String> p = new KafkaProducer<>(properties("transactional.id", "hung"))) {
            p.initTransactions();
            p.beginTransaction();
            p.send(new ProducerRecord<>("hung", 0, "k", "v")).get();
            ProducerState s = of(admin.describeProducers(List.of(tp)).partitionResult(tp)).activeProducers().get(0);
            of(admin.abortTransaction(new AbortTransactionSpec(tp, s.producerId(), (short) s.producerEpoch(), s.coordinatorEpoch().orElse(0))).all());
            same("still open", of(admin.describeProducers(List.of(tp)).partitionResult(tp)).activeProducers().stream().anyMatch(x -> x.currentTransactionStartOffset().isPresent()), false);
        }
        shown("admin: a hanging transaction aborted on its partition");
    }

    static void scram() throws Exception {
        of(admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("alice", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192), "secret"))).all());
        same("credentials", of(admin.describeUserScramCredentials().all()).get("alice").credentialInfos().get(0).iterations(), 8192);
        of(admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("alice", ScramMechanism.SCRAM_SHA_512))).all());
        refused(ResourceNotFoundException.class, () -> of(admin.describeUserScramCredentials(List.of("alice")).description("alice")));
        shown("admin: SCRAM credentials written, described, deleted");
    }

    static void acls() throws Exception {
        AclBinding b = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "secret", PatternType.PREFIXED), new AccessControlEntry("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW));
        of(admin.createAcls(List.of(b)).all());
        same("ACLs", List.copyOf(of(admin.describeAcls(AclBindingFilter.ANY).values())), List.of(b));
        same("deleted", List.copyOf(of(admin.deleteAcls(List.of(b.toFilter())).all())), List.of(b));
        shown("admin: ACLs made, described, deleted");
    }

    static void shareGroups() throws Exception {
        create("queue", 1);
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, "workers");
        of(admin.incrementalAlterConfigs(Map.of(group, List.of(new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all());
        produce("queue", numbered("job", 100));
        Properties p = properties("group.id", "workers", "share.acknowledgement.mode", "explicit");
        p.remove("auto.offset.reset");
        p.remove("enable.auto.commit");
        try (ShareConsumer<String, String> one = new KafkaShareConsumer<>(p); ShareConsumer<String, String> two = new KafkaShareConsumer<>(p)) {
            one.subscribe(List.of("queue"));
            two.subscribe(List.of("queue"));
            Map<String, Integer> accepted = new TreeMap<>();
            Set<String> released = new HashSet<>();
            awaited("all jobs", () -> {
                for (ShareConsumer<String, String> c : List.of(one, two)) {
                    for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(100))) {
                        boolean again = r.value().endsWith("7") && released.add(r.value()); // once given back
                        c.acknowledge(r, again ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                        if (!again)
                            accepted.merge(r.value(), 1, Integer::sum);
                    }
                    c.commitSync();
                }
                return accepted.size() == 100;
            });
            same("each once", new TreeSet<>(accepted.values()), new TreeSet<>(Set.of(1)));
            same("state", of(admin.describeShareGroups(List.of("workers")).all()).get("workers").groupState(), GroupState.STABLE);
        }
        shown("a share group of two (KIP-932): records acknowledged one by one, some given back and delivered again");
    }
}
