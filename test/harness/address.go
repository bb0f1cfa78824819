package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Address is a free address of the loopback, for a server that is to come back on it.
// Its port is none that the system gives to clients: one of those could have it while
// the server is away, or find itself at its other end.
func Address(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port between 10000 and 30000 is free")
	return ""
}
