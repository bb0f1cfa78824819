package node

import (
	"net/http"
	"testing"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// TestMetricsRights: where users are asked who they are, the page takes the right to
// DESCRIBE the cluster.
func TestMetricsRights(t *testing.T) {
	n, err := Open(Config{HTTP: "127.0.0.1:0", Settings: map[string]string{
		"listeners": "OUTSIDE://127.0.0.1:0", "listener.security.protocol.map": "OUTSIDE:SASL_PLAINTEXT", "sasl.enabled.mechanisms": "SCRAM-SHA-512",
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:admin",
		"connection.failed.authentication.delay.ms": "1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	meta := n.Broker().Metadata()
	for _, user := range []string{"admin", "alice"} {
		c := auth.NewCredential(auth.ScramSHA512, []byte("salt"), auth.ScramSHA512.Salt("secret", []byte("salt"), 4096), 4096)
		if err := meta.SetCredentials([]metadata.UserCredential{{User: user, Credential: c}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	status := func(user, password string) int {
		req, err := http.NewRequest(http.MethodGet, "http://"+n.HTTPAddr()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	check := func(user, password string, want int) {
		t.Helper()
		if got := status(user, password); got != want {
			t.Errorf("%s with %q gets %d, want %d", user, password, got, want)
		}
	}
	check("", "", http.StatusUnauthorized)
	check("admin", "wrong", http.StatusUnauthorized)
	check("admin", "secret", http.StatusOK)
	check("alice", "secret", http.StatusForbidden)
	if err := meta.CreateACLs([]auth.ACL{{Resource: auth.Cluster, Name: auth.ClusterName, Pattern: auth.Literal, Principal: "User:alice", Host: auth.Wildcard, Operation: auth.Describe, Permission: auth.Allow}}); err != nil {
		t.Fatal(err)
	}
	check("alice", "secret", http.StatusOK)
}
