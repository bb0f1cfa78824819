package auth

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Index finds the ACLs that are about a principal and a resource without looking at the others. It never changes.
//
//	(kind of resource, principal) -> literal name -> entries
//	                              -> prefix       -> entries, tried for each length that some prefix has
type Index struct {
	all     []ACL // in order
	byWho   map[who]*patterns
	anybody map[Resource]*patterns // of all principals: whether a resource has any ACL
}

type who struct {
	resource  Resource
	principal string
}

type patterns struct {
	literal  map[string][]entry
	prefixed map[string][]entry
	lengths  []int // of prefixes, each once
}

type entry struct {
	host       string
	operation  Operation
	permission Permission
}

// everyUser stands in ACLs for every principal, as in Kafka whatever its type.
const everyUser = UserType + ":" + Wildcard

// NewIndex indexes ACLs, and sorts them.
func NewIndex(acls []ACL) *Index {
	slices.SortFunc(acls, Compare)
	x := &Index{all: acls, byWho: map[who]*patterns{}, anybody: map[Resource]*patterns{}}
	for _, a := range acls {
		e := entry{a.Host, a.Operation, a.Permission}
		at(x.byWho, who{a.Resource, a.Principal}).add(a, e)
		at(x.anybody, a.Resource).add(a, e)
	}
	return x
}

func at[K comparable](m map[K]*patterns, k K) *patterns {
	p := m[k]
	if p == nil {
		p = &patterns{literal: map[string][]entry{}, prefixed: map[string][]entry{}}
		m[k] = p
	}
	return p
}

func (p *patterns) add(a ACL, e entry) {
	if a.Pattern == Literal {
		p.literal[a.Name] = append(p.literal[a.Name], e)
		return
	}
	p.prefixed[a.Name] = append(p.prefixed[a.Name], e)
	if n := len(a.Name); !slices.Contains(p.lengths, n) {
		p.lengths = append(p.lengths, n)
	}
}

// about calls fn with the entries about a resource until it returns false, and says whether there was any.
func (p *patterns) about(name string, fn func([]entry) bool) (any bool) {
	if p == nil {
		return false
	}
	visit := func(list []entry) bool {
		if len(list) == 0 {
			return true
		}
		any = true
		return fn(list)
	}
	if !visit(p.literal[name]) || name != Wildcard && !visit(p.literal[Wildcard]) {
		return any
	}
	for _, n := range p.lengths {
		if n <= len(name) && !visit(p.prefixed[name[:n]]) {
			return any
		}
	}
	return any
}

// All are the ACLs in order. They must not be changed.
func (x *Index) All() []ACL { return x.all }

// Select gives the ACLs that a filter selects, in order.
func (x *Index) Select(f Filter) (out []ACL) {
	for _, a := range x.all {
		if f.Matches(a) {
			out = append(out, a)
		}
	}
	return out
}

// Authorizer decides as Kafka's StandardAuthorizer does: super users may do everything; an ACL that denies, of those that are about
// the resource, the principal and the host, decides over one that allows; without either the answer is no, but that a resource that no
// ACL is about is open where EveryoneIfNoACL says so.
type Authorizer struct {
	SuperUsers      map[Principal]bool
	EveryoneIfNoACL bool
}

// Allowed says whether a principal, from an address such as 10.0.0.1, may do an operation on a resource.
func (z *Authorizer) Allowed(x *Index, p Principal, host string, op Operation, kind Resource, name string) bool {
	if z.SuperUsers[p] {
		return true
	}
	allowed, denied := false, false
	look := func(list []entry) bool {
		for _, e := range list {
			if e.host != Wildcard && e.host != host || !e.covers(op) {
				continue
			}
			allowed, denied = allowed || e.permission == Allow, denied || e.permission == Deny
		}
		return !denied
	}
	x.byWho[who{kind, p.String()}].about(name, look)
	if !denied {
		x.byWho[who{kind, everyUser}].about(name, look)
	}
	if denied || allowed {
		return !denied
	}
	return z.EveryoneIfNoACL && !x.anybody[kind].about(name, func([]entry) bool { return false })
}

// covers says whether an entry is about an operation. Who may read, write, delete or alter may describe, and who may alter configs may
// describe them; what is forbidden is only the operation itself.
func (e entry) covers(op Operation) bool {
	if e.operation == All || e.operation == op {
		return true
	}
	if e.permission == Deny {
		return false
	}
	switch op {
	case Describe:
		return e.operation == Read || e.operation == Write || e.operation == Delete || e.operation == Alter
	case DescribeConfigs:
		return e.operation == AlterConfigs
	}
	return false
}

// AllowedByType says whether there is some resource of a kind that a principal may do an operation on (KIP-679): an idempotent producer
// needs no more than one topic that it may write to.
func (z *Authorizer) AllowedByType(x *Index, p Principal, host string, op Operation, kind Resource) bool {
	// Kafka asks about a name like any other first, so that super users and open clusters pass.
	if z.Allowed(x, p, host, op, kind, "hardcode") {
		return true
	}
	own, everybody := x.byWho[who{kind, p.String()}], x.byWho[who{kind, everyUser}]
	is := func(list []entry, permission Permission) bool {
		return slices.ContainsFunc(list, func(e entry) bool {
			return e.permission == permission && (e.host == Wildcard || e.host == host) && (e.operation == op || e.operation == All)
		})
	}
	denied := func(name string, literal bool) bool {
		for _, p := range []*patterns{own, everybody} {
			if p == nil {
				continue
			}
			if literal && is(p.literal[name], Deny) {
				return true
			}
			for _, n := range p.lengths {
				if n <= len(name) && is(p.prefixed[name[:n]], Deny) {
					return true
				}
			}
		}
		return false
	}
	for _, p := range []*patterns{own, everybody} {
		if p != nil && is(p.literal[Wildcard], Deny) {
			return false
		}
	}
	for _, p := range []*patterns{own, everybody} {
		if p == nil {
			continue
		}
		for name, list := range p.literal {
			if is(list, Allow) && (name == Wildcard || !denied(name, true)) {
				return true
			}
		}
		for name, list := range p.prefixed {
			if is(list, Allow) && !denied(name, false) {
				return true
			}
		}
	}
	return false
}

// Operations are the operations on a resource that a principal may do, as the bits of their codes (KIP-430).
func (z *Authorizer) Operations(x *Index, p Principal, host string, kind Resource, name string) int32 {
	return operationBits(kind, func(op Operation) bool { return z.Allowed(x, p, host, op, kind, name) })
}

// AllOperations are those that there are.
func AllOperations(kind Resource) int32 {
	return operationBits(kind, func(Operation) bool { return true })
}

func operationBits(kind Resource, allowed func(Operation) bool) (bits int32) {
	for _, op := range operations[kind] {
		if allowed(op) {
			bits |= 1 << op
		}
	}
	return bits
}

// ParseOperation finds an operation by its name: "describe-configs", "DESCRIBE_CONFIGS" and "DescribeConfigs" are one.
func ParseOperation(s string) (Operation, bool) {
	if foldName(s) == "twophasecommit" {
		return TwoPhaseCommit, true
	}
	op, err := kmsg.ParseACLOperation(s)
	return op, err == nil && op >= All
}

func foldName(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}
