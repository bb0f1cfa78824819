package auth

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestAsStandardAuthorizer holds answers against those that Apache Kafka 4.3.1 gave (testdata/Record.java).
func TestAsStandardAuthorizer(t *testing.T) {
	f, err := os.Open("testdata/standard_authorizer.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var z *Authorizer
	var acls []ACL
	var said []string
	asked, allowed := 0, 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		code := func(i int) int8 { return int8(number(t, w[i])) }
		switch said = append(said, lines.Text()); w[0] {
		case "case":
			z, acls, said = &Authorizer{SuperUsers: map[Principal]bool{User("root"): true}, EveryoneIfNoACL: w[1] == "everyone=true"}, nil, said[len(said)-1:]
		case "acl":
			a := ACL{Resource: Resource(code(1)), Pattern: Pattern(code(2)), Name: w[3], Principal: w[4], Host: w[5],
				Operation: Operation(code(6)), Permission: Permission(code(7))}
			if err := a.Check(); err != nil {
				t.Fatal(err)
			}
			acls = append(acls, a)
		case "ask", "any":
			p, err := ParsePrincipal(w[1])
			if err != nil {
				t.Fatal(err)
			}
			var got bool
			if w[0] == "ask" {
				got = z.Allowed(NewIndex(acls), p, w[2], Operation(code(3)), Resource(code(4)), w[5])
			} else {
				got = z.AllowedByType(NewIndex(acls), p, w[2], Operation(code(3)), Resource(code(4)))
			}
			if asked++; got {
				allowed++
			}
			if fmt.Sprint(got) != w[len(w)-1] {
				t.Fatalf("we say %v:\n%s", got, strings.Join(said, "\n"))
			}
		}
	}
	if asked < 2000 || allowed < asked/10 || allowed > asked*9/10 {
		t.Fatalf("%d questions, %d allowed: the recording says little", asked, allowed)
	}
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func BenchmarkAllowed(b *testing.B) {
	var acls []ACL
	for i := range 10_000 {
		acls = append(acls, ACL{Topic, fmt.Sprintf("topic-%d", i%1000), Literal, fmt.Sprintf("User:u%d", i/1000), "*", Write, Allow},
			ACL{Topic, fmt.Sprintf("team-%d-", i%1000), Prefixed, fmt.Sprintf("User:u%d", i/1000), "*", Write, Allow})
	}
	x, z := NewIndex(acls), &Authorizer{}
	b.ReportAllocs()
	for b.Loop() {
		if !z.Allowed(x, User("u7"), "10.0.0.1", Write, Topic, "topic-500") {
			b.Fatal("denied")
		}
	}
}
