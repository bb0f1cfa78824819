"""confluent-kafka's conversation with a node, whose address is the argument. It prints what it has shown; a false answer ends it."""
import sys
import time

import confluent_kafka as ck
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, AlterConfigOpType,
                                   ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourcePatternType,
                                   ResourceType, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion,
                                   UserScramCredentialUpsertion)

BROKER = sys.argv[1]
LONG = 60  # seconds that an await may take; none takes so long on a machine that is not overloaded


def conf(**more):
    return {"bootstrap.servers": BROKER, **{k.replace("_", "."): v for k, v in more.items()}}


def same(what, got, want):
    if got != want:
        raise SystemExit(f"{what}: got {got!r}, want {want!r}")


def awaited(what, ask):
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        got = ask()
        if got:
            return got
        time.sleep(0.05)
    raise SystemExit(f"waited in vain for {what}")


def of(futures):
    """The results of an admin call's futures, by key."""
    return {k: f.result(LONG) for k, f in futures.items()}


def refused(code, call):
    try:
        call()
    except KafkaException as e:
        same("the error's code", e.args[0].code(), code)
        return
    raise SystemExit(f"not refused with {code}")


def create(topic, partitions=1, **configs):
    of(admin.create_topics([NewTopic(topic, partitions, 1, config={k.replace("_", "."): v for k, v in configs.items()})]))


def produce(topic, values, **more):
    p, failed = Producer(conf(**more)), []
    for i, v in enumerate(values):
        p.produce(topic, value=v, key=b"k%d" % (i % 7), headers=[("n", b"%d" % i)], on_delivery=lambda e, m: e and failed.append(e))
    same("left after the flush", p.flush(LONG), 0)
    same("failed", failed, [])


def consume(topic, count, group, **more):
    """So many values of a topic, by a group that then leaves."""
    c = Consumer(conf(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more))
    c.subscribe([topic])
    got = read(c, count)
    c.commit(asynchronous=False)
    c.close()
    return got


def read(c, count):
    got, end = [], time.monotonic() + LONG
    while len(got) < count:
        if time.monotonic() > end:
            raise SystemExit(f"{len(got)} records of {count}")
        for m in c.consume(count - len(got), 0.2):
            if m.error():
                raise KafkaException(m.error())
            got.append(m.value())
    return got


def held(*consumers):
    """How many partitions each has, after it could do its part of a rebalance."""
    for c in consumers:
        m = c.poll(0.05)
        if m is not None and m.error():
            raise KafkaException(m.error())
    return [len(c.assignment()) for c in consumers]


admin = AdminClient(conf())
print("client confluent-kafka for Python", ck.__version__)


def produces():
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        values = [b"%s %d" % (codec.encode(), i) for i in range(500)]
        create("plain-" + codec, 3)
        produce("plain-" + codec, values, compression_type=codec, enable_idempotence=True)
        same(codec, sorted(consume("plain-" + codec, 500, "g-" + codec)), sorted(values))
    print("shown an idempotent producer with each of gzip, snappy, lz4, zstd, with keys and headers, read back by a classic group")
    produce("auto", [b"x"])
    same("auto-created", consume("auto", 1, "g-auto"), [b"x"])
    refused(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: of(admin.delete_topics(["nosuch"])))
    print("shown a topic made as it is first produced to; a topic that is not there refused by its error code")


def exactly_once():
    create("in", 2)
    create("out", 2)
    values = [b"%d" % i for i in range(240)]
    produce("in", values)

    def incarnation():
        p = Producer(conf(transactional_id="etl", transaction_timeout_ms=60000))
        p.init_transactions(LONG)
        c = Consumer(conf(group_id="etl", auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed"))
        c.subscribe(["in"])
        return p, c

    def step(p, c, commit):
        batch = []
        end = time.monotonic() + LONG
        while not batch and time.monotonic() < end:
            batch = c.consume(20, 0.2)
        p.begin_transaction()
        for m in batch:
            p.produce("out", value=m.value(), partition=m.partition())
        p.send_offsets_to_transaction(c.position(c.assignment()), c.consumer_group_metadata(), LONG)
        if commit:
            p.commit_transaction(LONG)
            return len(batch)
        p.flush(LONG)
        p.abort_transaction(LONG)
        for tp in c.committed(c.assignment(), LONG):  # what was aborted is read again
            tp.offset = 0 if tp.offset < 0 else tp.offset
            c.seek(tp)
        return 0

    p, c = incarnation()
    done, turn = 0, 0
    while done < 120:
        turn += 1
        done += step(p, c, turn % 3 != 0)
    # The first incarnation leaves a transaction open; the next takes its id, and the first may do no more.
    p.begin_transaction()
    p.produce("out", value=b"of a zombie", partition=0)
    p.flush(LONG)
    c.close()
    zombie = p
    p, c = incarnation()
    refused(KafkaError._FENCED, lambda: zombie.commit_transaction(LONG))
    while done < 240:
        done += step(p, c, True)
    c.close()
    same("the output", sorted(consume("out", 240, "judge", isolation_level="read_committed")), sorted(values))
    lag = Consumer(conf(group_id="etl"))
    committed = lag.committed([TopicPartition("in", 0), TopicPartition("in", 1)], LONG)
    ends = sum(lag.get_watermark_offsets(tp, LONG)[1] for tp in committed)
    same("committed offsets", sum(tp.offset for tp in committed), ends)
    lag.close()
    print("shown transactions (the first protocol generation): read, process, write with offsets in the transaction, aborts read again, "
          "a zombie fenced, each input's output once for read_committed readers")


def consumer_protocol():
    create("shared", 4)
    values = [b"%d" % i for i in range(400)]
    produce("shared", values)
    same("alone", sorted(consume("shared", 400, "new", group_protocol="consumer")), sorted(values))
    members = [Consumer(conf(group_id="pair", group_protocol="consumer", auto_offset_reset="earliest",
                             **{"group.remote.assignor": "uniform"})) for _ in range(2)]
    for m in members:
        m.subscribe(["shared"])

    awaited("two partitions each", lambda: held(*members) == [2, 2])
    described = admin.describe_consumer_groups(["pair"])["pair"].result(LONG)
    same("described", (described.type.name, described.state.name, len(described.members), described.partition_assignor),
         ("CONSUMER", "STABLE", 2, "uniform"))
    members.pop().close()
    awaited("all four for the one left", lambda: held(*members) == [4])
    print("shown the consumer protocol (KIP-848, group.protocol=consumer): alone and in a pair, the server's uniform assignor, a member that leaves")
    members[0].close()
    static = Consumer(conf(group_id="static", group_protocol="consumer", group_instance_id="one", auto_offset_reset="earliest"))
    static.subscribe(["^sha.*"])
    same("by a pattern", len(read(static, 400)), 400)
    static.close()
    print("shown the consumer protocol with a static member and a subscription by pattern")


def classic_rebalances():
    create("turns", 6)
    for strategy in ["range", "roundrobin", "cooperative-sticky"]:
        group = "turns-" + strategy
        first, second = [Consumer(conf(group_id=group, heartbeat_interval_ms=200, partition_assignment_strategy=strategy)) for _ in range(2)]
        first.subscribe(["turns"])
        awaited("all six", lambda: held(first) == [6])
        second.subscribe(["turns"])
        awaited("three each", lambda: held(first, second) == [3, 3])
        first.close()
        awaited("all six again", lambda: held(second) == [6])
        second.close()
    print("shown classic groups with the range, roundrobin and cooperative-sticky assignors: a member comes, another goes")


def offsets():
    create("moved", 1)
    produce("moved", [b"%d" % i for i in range(100)])
    c = Consumer(conf(group_id="mover", enable_auto_commit=False))
    tp = TopicPartition("moved", 0)
    c.assign([TopicPartition("moved", 0, 90)])
    same("from offset 90", read(c, 10), [b"%d" % i for i in range(90, 100)])
    c.seek(TopicPartition("moved", 0, 50))
    same("after a seek", read(c, 1), [b"50"])
    c.commit(offsets=[TopicPartition("moved", 0, 42, metadata="what I know")], asynchronous=False)
    got = c.committed([tp], LONG)[0]
    same("committed", (got.offset, got.metadata), (42, "what I know"))
    same("watermarks", c.get_watermark_offsets(tp, LONG), (0, 100))
    same("by time", c.offsets_for_times([TopicPartition("moved", 0, 1)], LONG)[0].offset, 0)
    c.close()
    print("shown seek, offsets committed with metadata, watermarks, offsets by time")
    listed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("mover")])["mover"].result(LONG)
    same("listed", [(p.topic, p.offset) for p in listed.topic_partitions], [("moved", 42)])
    of(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("mover", [TopicPartition("moved", 0, 7)])]))
    listed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("mover", [tp])])["mover"].result(LONG)
    same("altered", [p.offset for p in listed.topic_partitions], [7])
    groups = admin.list_consumer_groups().result(LONG)
    if "mover" not in [g.group_id for g in groups.valid] or groups.errors:
        raise SystemExit(f"groups: {groups.valid}, {groups.errors}")
    of(admin.delete_consumer_groups(["mover"]))
    refused(KafkaError.GROUP_ID_NOT_FOUND, lambda: of(admin.delete_consumer_groups(["mover"])))
    print("shown admin: groups listed, described and deleted, their offsets listed and altered")


def topics():
    create("adm", 2, retention_ms="70000")
    of(admin.create_partitions([NewPartitions("adm", 5)]))
    described = of(admin.describe_topics(TopicCollection(["adm"])))["adm"]
    same("described", (described.name, len(described.partitions), described.is_internal), ("adm", 5, False))
    refused(KafkaError.TOPIC_ALREADY_EXISTS, lambda: create("adm"))
    cluster = admin.describe_cluster().result(LONG)
    same("nodes", len(cluster.nodes), 1)
    if not cluster.cluster_id:
        raise SystemExit("no cluster id")
    produce("adm", [b"x"] * 50)
    ends = of(admin.list_offsets({TopicPartition("adm", p): OffsetSpec.latest() for p in range(5)}))
    same("ends", sum(e.offset for e in ends.values()), 50)
    end = max(range(5), key=lambda p: ends[TopicPartition("adm", p)].offset)
    gone = of(admin.delete_records([TopicPartition("adm", end, ends[TopicPartition("adm", end)].offset)]))
    same("low watermark", [d.low_watermark for d in gone.values()], [ends[TopicPartition("adm", end)].offset])
    first = of(admin.list_offsets({TopicPartition("adm", end): OffsetSpec.earliest()}))
    same("first offset", [o.offset for o in first.values()], [ends[TopicPartition("adm", end)].offset])
    print("shown admin: topics created, grown, described, deleted; the cluster described; offsets listed; records deleted")
    name = ConfigResource(ResourceType.TOPIC, "adm", incremental_configs=[
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
        ConfigEntry("segment.ms", "80000", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    of(admin.incremental_alter_configs([name]))
    got = of(admin.describe_configs([ConfigResource(ResourceType.TOPIC, "adm")])).popitem()[1]
    same("configs", [got[n].value for n in ["cleanup.policy", "segment.ms", "retention.ms"]], ["delete,compact", "80000", "604800000"])
    same("is default", [got[n].is_default for n in ["segment.ms", "retention.ms"]], [False, True])
    refused(KafkaError.INVALID_CONFIG, lambda: of(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, "adm", incremental_configs=[
        ConfigEntry("segment.ms", "soon", incremental_operation=AlterConfigOpType.SET)])])))
    broker = of(admin.describe_configs([ConfigResource(ResourceType.BROKER, str(next(iter(cluster.nodes)).id))])).popitem()[1]
    same("message.max.bytes", broker["message.max.bytes"].value, "1048588")
    of(admin.delete_topics(["adm"]))
    awaited("the deletion", lambda: "adm" not in admin.list_topics(timeout=LONG).topics)
    print("shown admin: configurations described and altered one by one (set, delete, append), a false value refused")


def scram():
    of(admin.alter_user_scram_credentials([UserScramCredentialUpsertion(
        "alice", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 8192), b"secret")]))
    alice = of(admin.describe_user_scram_credentials(["alice"]))["alice"]
    same("alice", [(i.mechanism, i.iterations) for i in alice.scram_credential_infos], [(ScramMechanism.SCRAM_SHA_256, 8192)])
    of(admin.alter_user_scram_credentials([UserScramCredentialDeletion("alice", ScramMechanism.SCRAM_SHA_256)]))
    refused(KafkaError.RESOURCE_NOT_FOUND, lambda: of(admin.describe_user_scram_credentials(["alice"])))
    print("shown admin: SCRAM credentials written, described, deleted")


def acls():
    b = AclBinding(ResourceType.TOPIC, "secret", ResourcePatternType.PREFIXED, "User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW)
    of(admin.create_acls([b]))
    everything = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    same("ACLs", admin.describe_acls(everything).result(LONG), [b])
    same("deleted", list(of(admin.delete_acls([everything])).values()), [[b]])
    print("shown admin: ACLs made, described, deleted")


for part in [produces, exactly_once, consumer_protocol, classic_rebalances, offsets, topics, scram, acls]:
    begin = time.monotonic()
    try:
        part()
    except KafkaException as e:
        if e.args[0].code() not in (KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION, KafkaError.SECURITY_DISABLED):
            raise
        print("missing", part.__name__)
    print(f"{part.__name__} took {time.monotonic() - begin:.1f} s", file=sys.stderr)
