package auth

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The protocol's codes, under shorter names.
type (
	// Resource is the kind of a thing that operations are on.
	Resource = kmsg.ACLResourceType
	// Operation is what is done to it.
	Operation = kmsg.ACLOperation
	// Pattern says how an ACL names resources.
	Pattern = kmsg.ACLResourcePatternType
	// Permission is allow or deny.
	Permission = kmsg.ACLPermissionType
)

// What this package and its users speak of most.
const (
	Topic           = kmsg.ACLResourceTypeTopic
	Group           = kmsg.ACLResourceTypeGroup
	Cluster         = kmsg.ACLResourceTypeCluster
	TransactionalID = kmsg.ACLResourceTypeTransactionalId
	DelegationToken = kmsg.ACLResourceTypeDelegationToken
	UserResource    = kmsg.ACLResourceTypeUser

	Any             = kmsg.ACLOperationAny
	All             = kmsg.ACLOperationAll
	Read            = kmsg.ACLOperationRead
	Write           = kmsg.ACLOperationWrite
	Create          = kmsg.ACLOperationCreate
	Delete          = kmsg.ACLOperationDelete
	Alter           = kmsg.ACLOperationAlter
	Describe        = kmsg.ACLOperationDescribe
	ClusterAction   = kmsg.ACLOperationClusterAction
	DescribeConfigs = kmsg.ACLOperationDescribeConfigs
	AlterConfigs    = kmsg.ACLOperationAlterConfigs
	IdempotentWrite = kmsg.ACLOperationIdempotentWrite
	CreateTokens    = kmsg.ACLOperationCreateTokens
	DescribeTokens  = kmsg.ACLOperationDescribeTokens
	TwoPhaseCommit  = Operation(15) // KIP-939

	Literal  = kmsg.ACLResourcePatternTypeLiteral
	Prefixed = kmsg.ACLResourcePatternTypePrefixed

	Deny  = kmsg.ACLPermissionTypeDeny
	Allow = kmsg.ACLPermissionTypeAllow
)

// Wildcard is every resource's name of a literal pattern, every host, and every name of a principal.
const Wildcard = "*"

// ClusterName is the name of the one resource of its kind.
const ClusterName = "kafka-cluster"

// ACL lets or forbids a principal, from a host, an operation on the resources that a pattern names.
type ACL struct {
	Resource   Resource
	Name       string
	Pattern    Pattern
	Principal  string // as given: Type:Name
	Host       string
	Operation  Operation
	Permission Permission
}

// operations are those that a kind of resource has, which is what "authorized operations" of Describe answers list (KIP-430).
var operations = map[Resource][]Operation{
	Topic:           {Read, Write, Create, Describe, Delete, Alter, DescribeConfigs, AlterConfigs},
	Group:           {Read, Describe, Delete, DescribeConfigs, AlterConfigs},
	Cluster:         {Create, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, Alter, Describe},
	TransactionalID: {Describe, Write, TwoPhaseCommit},
	DelegationToken: {Describe},
	UserResource:    {CreateTokens, DescribeTokens},
}

// Check says what is wrong with an ACL that is to be created.
func (a ACL) Check() error {
	if _, ok := operations[a.Resource]; !ok {
		return fmt.Errorf("Invalid resourceType %d", a.Resource)
	}
	if a.Pattern != Literal && a.Pattern != Prefixed {
		return fmt.Errorf("Invalid patternType %d", a.Pattern)
	}
	if a.Operation < All || a.Operation > TwoPhaseCommit {
		return fmt.Errorf("Invalid operation %d", a.Operation)
	}
	if a.Permission != Deny && a.Permission != Allow {
		return fmt.Errorf("Invalid permissionType %d", a.Permission)
	}
	if a.Name == "" {
		return fmt.Errorf("Resource name should not be empty")
	}
	if a.Resource == Cluster && a.Name != ClusterName {
		return fmt.Errorf("The only valid name for the CLUSTER resource is %s", ClusterName)
	}
	if _, err := ParsePrincipal(a.Principal); err != nil {
		return fmt.Errorf("Could not parse principal from `%s` (no colon is present separating the principal type from the principal name)", a.Principal)
	}
	return nil
}

// Compare orders ACLs: what lists show.
func Compare(a, b ACL) int {
	return cmp.Or(cmp.Compare(a.Resource, b.Resource), strings.Compare(a.Name, b.Name), cmp.Compare(a.Pattern, b.Pattern),
		strings.Compare(a.Principal, b.Principal), strings.Compare(a.Host, b.Host),
		cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Permission, b.Permission))
}

// Filter selects ACLs; a nil text and the code of Any stand for all.
type Filter struct {
	Resource   Resource
	Name       *string
	Pattern    Pattern
	Principal  *string
	Host       *string
	Operation  Operation
	Permission Permission
}

// Check says what is wrong with a filter.
func (f Filter) Check() error {
	switch {
	case f.Resource < kmsg.ACLResourceTypeAny || f.Resource > UserResource:
		return fmt.Errorf("Filter contains UNKNOWN elements: resourceType %d", f.Resource)
	case f.Pattern < kmsg.ACLResourcePatternTypeAny || f.Pattern > Prefixed:
		return fmt.Errorf("Filter contains UNKNOWN elements: patternType %d", f.Pattern)
	case f.Operation < Any || f.Operation > TwoPhaseCommit:
		return fmt.Errorf("Filter contains UNKNOWN elements: operation %d", f.Operation)
	case f.Permission < kmsg.ACLPermissionTypeAny || f.Permission > Allow:
		return fmt.Errorf("Filter contains UNKNOWN elements: permissionType %d", f.Permission)
	}
	return nil
}

// Matches says whether the filter selects an ACL.
func (f Filter) Matches(a ACL) bool {
	return (f.Resource == kmsg.ACLResourceTypeAny || f.Resource == a.Resource) && f.matchesName(a) &&
		(f.Principal == nil || *f.Principal == a.Principal) && (f.Host == nil || *f.Host == a.Host) &&
		(f.Operation == Any || f.Operation == a.Operation) &&
		(f.Permission == kmsg.ACLPermissionTypeAny || f.Permission == a.Permission)
}

// matchesName: with the pattern type MATCH a filter's name is a resource, and every ACL is selected that is about it; with the others
// it is a pattern, and those of that pattern are.
func (f Filter) matchesName(a ACL) bool {
	match := f.Pattern == kmsg.ACLResourcePatternTypeMatch
	if !match && f.Pattern != kmsg.ACLResourcePatternTypeAny && f.Pattern != a.Pattern {
		return false
	}
	switch {
	case f.Name == nil || *f.Name == a.Name && (!match || a.Pattern == Literal):
		return true
	case !match:
		return false
	case a.Pattern == Prefixed:
		return strings.HasPrefix(*f.Name, a.Name)
	}
	return a.Name == Wildcard
}
