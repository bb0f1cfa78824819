package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// aclFlags are an ACL as a person says it; empty ones stand, in a list and a removal,
// for all.
type aclFlags struct {
	topic, group, transactional string
	cluster, prefixed, deny     bool
	principal, host             string
	operations                  []string
}

func aclCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{Use: "acl", Short: "Add, list and remove ACLs: who may do what", Args: knownCommand, RunE: showHelp}
	addrFlag(c, &addr)
	c.AddCommand(aclAdd(&addr), aclList(&addr), aclRemove(&addr))
	return c
}

func (f *aclFlags) flags(c *cobra.Command, some string) {
	fs := c.Flags()
	fs.StringVar(&f.topic, "topic", "", "a topic's name; '*' for every topic")
	fs.StringVar(&f.group, "group", "", "a group's name")
	fs.StringVar(&f.transactional, "transactional-id", "", "a transactional id")
	fs.BoolVar(&f.cluster, "cluster", false, "the cluster")
	fs.BoolVar(&f.prefixed, "prefixed", false, "the name is what names begin with")
	fs.StringVar(&f.principal, "principal", "", "who: User:NAME, or User:* for everybody"+some)
	fs.StringSliceVar(&f.operations, "operation", nil, "read, write, create, delete, alter, describe, describe-configs, alter-configs, idempotent-write, cluster-action, all"+some)
	fs.BoolVar(&f.deny, "deny", false, "forbid instead of allowing")
}

// resources are the resources that the flags name.
func (f *aclFlags) resources() (out []auth.ACL) {
	pattern := auth.Literal
	if f.prefixed {
		pattern = auth.Prefixed
	}
	for kind, name := range map[auth.Resource]string{auth.Topic: f.topic, auth.Group: f.group, auth.TransactionalID: f.transactional} {
		if name != "" {
			out = append(out, auth.ACL{Resource: kind, Name: name, Pattern: pattern})
		}
	}
	if f.cluster {
		out = append(out, auth.ACL{Resource: auth.Cluster, Name: auth.ClusterName, Pattern: auth.Literal})
	}
	return out
}

func (f *aclFlags) parseOperations() (out []auth.Operation, err error) {
	for _, name := range f.operations {
		op, ok := auth.ParseOperation(name)
		if !ok {
			return nil, fmt.Errorf("--operation %s: there are read, write, create, delete, alter, describe, describe-configs, alter-configs, idempotent-write, cluster-action and all", name)
		}
		out = append(out, op)
	}
	return out, nil
}

func aclAdd(addr *string) *cobra.Command {
	var f aclFlags
	c := &cobra.Command{
		Use: "add", Short: "Let a principal do operations on a resource", Args: exactly(),
		Example: "  millrace acl add --principal User:alice --operation read,write --topic orders\n  millrace acl add --principal User:alice --operation read --group billing- --prefixed",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ops, err := f.parseOperations()
			if err != nil {
				return err
			}
			if f.principal == "" || len(ops) == 0 || len(f.resources()) == 0 {
				return errors.New("acl add needs --principal, --operation and a resource: --topic, --group, --transactional-id or --cluster")
			}
			req := kmsg.NewPtrCreateACLsRequest()
			for _, a := range f.resources() {
				for _, op := range ops {
					n := kmsg.NewCreateACLsRequestCreation()
					n.ResourceType, n.ResourceName, n.ResourcePatternType = a.Resource, a.Name, a.Pattern
					n.Principal, n.Host, n.Operation, n.PermissionType = f.principal, f.host, op, auth.Allow
					if f.deny {
						n.PermissionType = auth.Deny
					}
					req.Creations = append(req.Creations, n)
				}
			}
			return withClient(cmd.Context(), *addr, func(cl *kgo.Client) error {
				resp, err := req.RequestWith(cmd.Context(), cl)
				if err != nil {
					return err
				}
				for _, r := range resp.Results {
					if err := aclError(r.ErrorCode, r.ErrorMessage); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.flags(c, "")
	c.Flags().StringVar(&f.host, "host", auth.Wildcard, "the client's address; '*' for every one")
	return c
}

func aclError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err != nil && message != nil {
		return fmt.Errorf("acl: %w%s", err, because(*message))
	}
	return err
}

// filters are what selects ACLs: those of each resource and operation that is named,
// or all.
func (f *aclFlags) filters() (out []auth.Filter, err error) {
	ops, err := f.parseOperations()
	if err != nil {
		return nil, err
	}
	if len(ops) == 0 {
		ops = []auth.Operation{auth.Any}
	}
	base := auth.Filter{Resource: kmsg.ACLResourceTypeAny, Pattern: kmsg.ACLResourcePatternTypeAny, Permission: kmsg.ACLPermissionTypeAny}
	if f.principal != "" {
		base.Principal = &f.principal
	}
	if f.host != "" {
		base.Host = &f.host
	}
	if f.deny {
		base.Permission = auth.Deny
	}
	bases := []auth.Filter{}
	for _, a := range f.resources() {
		b := base
		b.Resource, b.Name, b.Pattern = a.Resource, &a.Name, a.Pattern
		bases = append(bases, b)
	}
	if len(bases) == 0 {
		bases = append(bases, base)
	}
	for _, b := range bases {
		for _, op := range ops {
			b.Operation = op
			out = append(out, b)
		}
	}
	return out, nil
}

func aclList(addr *string) *cobra.Command {
	var f aclFlags
	c := &cobra.Command{
		Use: "list", Short: "ACLs, all or those that the flags select", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filters, err := f.filters()
			if err != nil {
				return err
			}
			return withClient(cmd.Context(), *addr, func(cl *kgo.Client) error {
				var found []auth.ACL
				for _, x := range filters {
					list, err := describeACLs(cmd.Context(), cl, x)
					if err != nil {
						return err
					}
					found = append(found, list...)
				}
				return printACLs(found)
			})
		},
	}
	f.flags(c, "; all without it")
	c.Flags().StringVar(&f.host, "host", "", "the client's address; all without it")
	return c
}

func describeACLs(ctx context.Context, cl *kgo.Client, f auth.Filter) (out []auth.ACL, err error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourceName, req.ResourcePatternType = f.Resource, f.Name, f.Pattern
	req.Principal, req.Host, req.Operation, req.PermissionType = f.Principal, f.Host, f.Operation, f.Permission
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = aclError(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	for _, r := range resp.Resources {
		for _, e := range r.ACLs {
			out = append(out, auth.ACL{Resource: r.ResourceType, Name: r.ResourceName, Pattern: r.ResourcePatternType,
				Principal: e.Principal, Host: e.Host, Operation: e.Operation, Permission: e.PermissionType})
		}
	}
	return out, nil
}

func printACLs(acls []auth.ACL) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RESOURCE\tNAME\tPATTERN\tPRINCIPAL\tHOST\tOPERATION\tPERMISSION")
	for _, a := range acls {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", lower(a.Resource), a.Name, lower(a.Pattern), a.Principal, a.Host, lower(a.Operation), lower(a.Permission))
	}
	return w.Flush()
}

func lower(s fmt.Stringer) string {
	return strings.ReplaceAll(strings.ToLower(s.String()), "_", "-")
}

func aclRemove(addr *string) *cobra.Command {
	var f aclFlags
	var all bool
	c := &cobra.Command{
		Use: "remove", Short: "Remove the ACLs that the flags select", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filters, err := f.filters()
			if err != nil {
				return err
			}
			if !all && f.principal == "" && len(f.operations) == 0 && len(f.resources()) == 0 {
				return errors.New("acl remove needs something to select by, or --all")
			}
			req := kmsg.NewPtrDeleteACLsRequest()
			for _, x := range filters {
				n := kmsg.NewDeleteACLsRequestFilter()
				n.ResourceType, n.ResourceName, n.ResourcePatternType = x.Resource, x.Name, x.Pattern
				n.Principal, n.Host, n.Operation, n.PermissionType = x.Principal, x.Host, x.Operation, x.Permission
				req.Filters = append(req.Filters, n)
			}
			return withClient(cmd.Context(), *addr, func(cl *kgo.Client) error {
				resp, err := req.RequestWith(cmd.Context(), cl)
				if err != nil {
					return err
				}
				removed := 0
				for _, r := range resp.Results {
					if err := aclError(r.ErrorCode, r.ErrorMessage); err != nil {
						return err
					}
					removed += len(r.MatchingACLs)
				}
				fmt.Fprintf(os.Stderr, "%d ACLs removed\n", removed)
				return nil
			})
		},
	}
	f.flags(c, "; all without it")
	c.Flags().StringVar(&f.host, "host", "", "the client's address; all without it")
	c.Flags().BoolVar(&all, "all", false, "remove every ACL")
	return c
}
