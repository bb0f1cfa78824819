// Asks Kafka's StandardAuthorizer generated questions, and prints questions and answers, which authorizer_test.go holds ours against:
//
//   java -cp '.peers/kafka/*' internal/broker/auth/testdata/Record.java > internal/broker/auth/testdata/standard_authorizer.txt
import java.net.InetAddress;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.security.auth.*;
import org.apache.kafka.metadata.authorizer.*;
import org.apache.kafka.server.authorizer.*;

public class Record {
    static final Random random = new Random(20261123);
    static final String[] names = {"a", "ab", "abc", "b", "ba", "*", "abcd"};
    static final String[] principals = {"User:alice", "User:bob", "User:*", "Group:alice", "User:root"};
    static final String[] askers = {"User:alice", "User:bob", "Group:alice"};
    static final String[] hosts = {"*", "10.0.0.1", "10.0.0.2"};
    static final ResourceType[] types = {ResourceType.TOPIC, ResourceType.GROUP};
    static final AclOperation[] operations = {AclOperation.ALL, AclOperation.READ, AclOperation.WRITE, AclOperation.DELETE,
        AclOperation.ALTER, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS, AclOperation.CREATE};

    static <T> T pick(T[] of) { return of[random.nextInt(of.length)]; }

    record Context(KafkaPrincipal principal, String host) implements AuthorizableRequestContext {
        public String listenerName() { return "L"; }
        public SecurityProtocol securityProtocol() { return SecurityProtocol.PLAINTEXT; }
        public InetAddress clientAddress() {
            try { return InetAddress.getByName(host); } catch (Exception e) { throw new RuntimeException(e); }
        }
        public int requestType() { return 0; }
        public int requestVersion() { return 0; }
        public String clientId() { return "c"; }
        public int correlationId() { return 0; }
    }

    public static void main(String[] args) {
        for (int i = 0; i < 250; i++) {
            boolean everyone = random.nextInt(4) == 0;
            System.out.println("case everyone=" + everyone);
            StandardAuthorizer authorizer = new StandardAuthorizer();
            authorizer.configure(Map.of("super.users", "User:root", "allow.everyone.if.no.acl.found", "" + everyone, "node.id", "1"));
            authorizer.withPluginMetrics(new org.apache.kafka.common.metrics.internals.PluginMetricsImpl(
                new org.apache.kafka.common.metrics.Metrics(), Map.of()));
            authorizer.completeInitialLoad();
            Map<Uuid, StandardAcl> acls = new HashMap<>();
            Set<StandardAcl> seen = new HashSet<>();
            for (int n = random.nextInt(9); n >= 0; n--) {
                StandardAcl acl = new StandardAcl(pick(types), pick(names),
                    random.nextBoolean() ? PatternType.LITERAL : PatternType.PREFIXED, principals[random.nextInt(4)], pick(hosts),
                    pick(operations), random.nextInt(3) == 0 ? AclPermissionType.DENY : AclPermissionType.ALLOW);
                if (!seen.add(acl)) continue;
                acls.put(Uuid.randomUuid(), acl);
                System.out.printf("acl %d %d %s %s %s %d %d%n", acl.resourceType().code(), acl.patternType().code(), acl.resourceName(),
                    acl.principal(), acl.host(), acl.operation().code(), acl.permissionType().code());
            }
            authorizer.loadSnapshot(acls);
            for (int n = 0; n < 12; n++) {
                String principal = n == 0 ? "User:root" : pick(askers);
                Context who = new Context(SecurityUtils_parse(principal), hosts[1 + random.nextInt(2)]);
                AclOperation op = operations[1 + random.nextInt(operations.length - 1)];
                ResourceType type = pick(types);
                if (n % 4 == 3) {
                    op = random.nextBoolean() ? AclOperation.WRITE : AclOperation.READ;
                    System.out.printf("any %s %s %d %d %s%n", principal, who.host(), op.code(), type.code(),
                        authorizer.authorizeByResourceType(who, op, type) == AuthorizationResult.ALLOWED);
                    continue;
                }
                String name = pick(names);
                Action action = new Action(op, new ResourcePattern(type, name, PatternType.LITERAL), 1, false, false);
                System.out.printf("ask %s %s %d %d %s %s%n", principal, who.host(), op.code(), type.code(), name,
                    authorizer.authorize(who, List.of(action)).get(0) == AuthorizationResult.ALLOWED);
            }
        }
    }

    static KafkaPrincipal SecurityUtils_parse(String s) { return org.apache.kafka.common.utils.SecurityUtils.parseKafkaPrincipal(s); }
}
