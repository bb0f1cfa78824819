package node

import (
	"fmt"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/sql/session"
)

// rights are those that the ACLs give somebody.
type rights struct {
	node *Node
	who  broker.Caller
}

// User is whose rights they are.
func (r rights) User() session.User {
	return session.User{Principal: r.who.Principal.String(), Host: r.who.Host}
}

var operations = map[session.Operation]auth.Operation{
	session.Read: auth.Read, session.Write: auth.Write, session.Create: auth.Create, session.Delete: auth.Delete,
	session.Alter: auth.Alter, session.Describe: auth.Describe,
}

var resources = map[session.Resource]auth.Resource{
	session.Topic: auth.Topic, session.Group: auth.Group, session.TransactionalID: auth.TransactionalID, session.Cluster: auth.Cluster,
}

// May says what the ACLs do not allow. A topic that is not there is made by who reads or
// writes it, which takes CREATE, on it or on the cluster, as it does for Kafka's clients.
func (r rights) May(op session.Operation, kind session.Resource, name string) error {
	can := func(op auth.Operation, kind auth.Resource, name string) bool {
		return r.node.broker.Allowed(r.who, op, kind, name)
	}
	if kind == session.Cluster {
		name = auth.ClusterName
	}
	switch {
	case op == session.Create && kind == session.Topic:
		if !can(auth.Create, auth.Topic, name) && !can(auth.Create, auth.Cluster, auth.ClusterName) {
			return r.denied(op, kind, name)
		}
	case !can(operations[op], resources[kind], name):
		return r.denied(op, kind, name)
	case kind == session.Topic && metadata.IsInternal(name) && !can(auth.Alter, auth.Cluster, auth.ClusterName):
		return fmt.Errorf("%w, which is internal, without the right to ALTER CLUSTER", r.denied(op, kind, name))
	case (op == session.Read || op == session.Write) && kind == session.Topic && r.node.broker.Metadata().Topic(name) == nil:
		return r.May(session.Create, session.Topic, name)
	}
	return nil
}

func (r rights) denied(op session.Operation, kind session.Resource, name string) error {
	if kind == session.Cluster {
		return fmt.Errorf("%s may not %s CLUSTER", r.who.Principal, op)
	}
	return fmt.Errorf("%s may not %s %s '%s'", r.who.Principal, op, kind, name)
}

// rightsOf are those of a job's user; nil, which is all, for one that nobody asked.
func (n *Node) rightsOf(u session.User) session.Rights {
	p, err := auth.ParsePrincipal(u.Principal)
	if err != nil {
		return nil
	}
	return rights{n, broker.Caller{Principal: p, Host: u.Host}}
}

// ask remembers a job that runs with somebody's rights, until unask.
func (n *Node) ask(j *job) {
	if j.allowed == nil {
		return
	}
	n.mu.Lock()
	n.mu.asked[j] = true
	n.mu.Unlock()
	if err := j.allowed(); err != nil { // the ACLs may have changed since it was planned
		j.forbid(err)
	}
}

func (n *Node) unask(j *job) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.asked, j)
}

// askAgain ends the jobs whose users may no longer do what they do: after a change of the
// ACLs.
func (n *Node) askAgain() {
	n.mu.Lock()
	var jobs []*job
	for j := range n.mu.asked {
		jobs = append(jobs, j)
	}
	n.mu.Unlock()
	for _, j := range jobs {
		if err := j.allowed(); err != nil {
			j.forbid(err)
		}
	}
}
