package session

import (
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
)

// Operation is what is done to a resource, by Kafka's name.
type Operation string

// Resource is a kind of what rights are about, by Kafka's name. There is one cluster, and
// its name is empty.
type Resource string

// The operations and resources that statements ask for.
const (
	Read     Operation = "READ"
	Write    Operation = "WRITE"
	Create   Operation = "CREATE"
	Delete   Operation = "DELETE"
	Alter    Operation = "ALTER"
	Describe Operation = "DESCRIBE"

	Topic           Resource = "TOPIC"
	Group           Resource = "GROUP"
	TransactionalID Resource = "TRANSACTIONAL_ID"
	Cluster         Resource = "CLUSTER"
)

// Rights are those of the user that a session is of. Statements ask for them as follows;
// what goes on in the session alone, and what only shows the catalog, takes none.
//
//	read a table         READ on its topic, and on the group of group-offsets
//	write a table        WRITE on its topic, and on its transactional id if exactly once
//	read or write what
//	  is no topic        ALTER on the cluster: files are reached with the node's own rights
//	create, drop, alter
//	  a table            CREATE, DELETE, ALTER on its topic; ALTER on the cluster as above
//	a view, a database … CREATE on the cluster, to drop or alter it ALTER
//	SHOW, DESCRIBE,
//	  STOP JOB           DESCRIBE, ALTER on the cluster, for jobs of others
//	savepoints           ALTER on the cluster, to write and to read one
type Rights interface {
	// User is whose rights they are, as it is kept with the user's jobs.
	User() User
	// May says what is missing for an operation, nil for nothing. The right to read or write
	// a topic that is not there includes that to create it.
	May(op Operation, kind Resource, name string) error
}

// User is who submits a job: a principal, such as User:alice, and the address that the
// user came from, for ACLs may ask for one. It is empty where nobody asks who is there.
type User struct {
	Principal string `json:"principal"`
	Host      string `json:"host"`
}

// may asks for a right; nobody's session may do everything.
func (s *Session) may(op Operation, kind Resource, name string) error {
	if s.options.Rights == nil {
		return nil
	}
	return s.options.Rights.May(op, kind, name)
}

// mayAccess is connector.Env.May.
func (s *Session) mayAccess(a connector.Access) error {
	if a.Host {
		return s.may(Alter, Cluster, "")
	}
	op := Read
	if a.Write {
		op = Write
	}
	for _, topic := range a.Topics {
		if err := s.may(op, Topic, topic); err != nil {
			return err
		}
	}
	if a.Group != "" {
		if err := s.may(Read, Group, a.Group); err != nil {
			return err
		}
	}
	if a.TransactionalID != "" {
		return s.may(Write, TransactionalID, a.TransactionalID)
	}
	return nil
}

// accesses remembers what a statement is planned to do, so that its job can be asked
// again whether it still may.
type accesses struct {
	session *Session
	list    []connector.Access
}

// env is the function for connector.Env; nil where there is nobody to ask.
func (a *accesses) env() func(connector.Access) error {
	if a.session.options.Rights == nil {
		return nil
	}
	return func(x connector.Access) error {
		a.list = append(a.list, x)
		return a.session.mayAccess(x)
	}
}

// recheck says whether it all may still be done; nil where there is nobody to ask.
func (a *accesses) recheck() func() error {
	if a.session.options.Rights == nil {
		return nil
	}
	return func() error {
		for _, x := range a.list {
			if err := a.session.mayAccess(x); err != nil {
				return err
			}
		}
		return nil
	}
}

// mayChange asks for the right to do something with an object of the catalog.
func (s *Session) mayChange(op Operation, object any) error {
	if t, ok := object.(*catalog.Table); ok {
		switch a := t.Factory.Access(t.Connector, false); {
		case a.Host:
			return s.may(Alter, Cluster, "")
		case len(a.Topics) > 0:
			for _, topic := range a.Topics {
				if err := s.may(op, Topic, topic); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if op != Create {
		op = Alter // of clusters there is no DELETE
	}
	return s.may(op, Cluster, "")
}

// mayAlways lets DDL be carried out again that was once.
func mayAlways(Operation, any) error { return nil }

// visibleJobs are the jobs that the user may see.
func (s *Session) visibleJobs() []Job {
	if s.may(Describe, Cluster, "") == nil {
		return s.host.Jobs()
	}
	var own []Job
	for _, j := range s.host.Jobs() {
		if s.owns(j) {
			own = append(own, j)
		}
	}
	return own
}

func (s *Session) owns(j Job) bool {
	return j.Owner().Principal == s.options.Rights.User().Principal
}
