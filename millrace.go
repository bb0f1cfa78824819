// Package millrace is a node inside a Go program or a test: a Kafka-compatible log and
// a Flink-compatible SQL processor that open in milliseconds, on disk or in memory.
//
// A node opened with a Kafka address is a broker for any Kafka client; the same topics
// are tables for SQL and can be written and read here without a socket.
package millrace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Options say what node to open. The zero value is a node in memory that serves
// nothing.
type Options struct {
	// Dir is the data directory, which is made if it is not there. Empty: the log
	// is in memory, and gone when the node is closed.
	Dir string
	// Kafka is the address to serve Kafka clients on, HOST:PORT; port 0 picks one.
	// Empty: none is served.
	Kafka string
	// HTTP is the address of the SQL gateway, likewise.
	HTTP string
	// Settings are broker settings by Kafka's names, such as num.partitions.
	Settings map[string]string
	// Report is told, in one line each, what a person should know, such as damage
	// that was found on disk. nil: nobody is.
	Report func(string)
}

// Node is an open node. It is safe for concurrent use.
type Node struct {
	node *node.Node
}

// Open opens a node and starts the jobs that had not ended when it was closed. An
// error names what is wrong with the directory or the addresses; nothing is left
// open then.
func Open(o Options) (*Node, error) {
	n, err := node.Open(node.Config{Data: o.Dir, Kafka: o.Kafka, HTTP: o.HTTP, Settings: o.Settings, Report: o.Report})
	if err != nil {
		return nil, err
	}
	return &Node{n}, nil
}

// RegisterFunction gives SQL a function written in Go, in all nodes of the program: with
// one to four arguments and a result, or a result and an error, each of a Go type that
// stands for one of SQL:
//
//	bool BOOLEAN, int32 INT, int64 BIGINT, float64 DOUBLE, string STRING, []byte BYTES
//
// A pointer stands for a value that may be NULL; a function without pointers among its
// arguments is not called where one is NULL, and its result is NULL there. It must give
// the same for the same arguments, and may be called by several goroutines at once. An
// error fails the job, with the row's place. Functions are registered before a node is
// opened whose jobs use them. It is an error if the name is taken.
func RegisterFunction(name string, fn any) error { return function.Define(name, fn) }

// Close stops the jobs, which go on when the directory is opened again, and closes
// the log.
func (n *Node) Close() error { return n.node.Close() }

// KafkaAddr is where Kafka clients connect, with the port that was picked.
func (n *Node) KafkaAddr() string { return n.node.KafkaAddr() }

// HTTPAddr is where the SQL gateway is.
func (n *Node) HTTPAddr() string { return n.node.HTTPAddr() }

// Exec runs a script of SQL statements; what they would print is dropped. An INSERT
// is a job that goes on in the node, unless the script sets 'table.dml-sync' =
// 'true' and so waits for its end. Settings last as long as the script. An error
// has the place in the text: "line:column: …".
func (n *Node) Exec(ctx context.Context, sql string) error {
	s := shell.Script{Text: sql, Out: io.Discard}
	stmts, err := s.Parse()
	if err != nil {
		return err
	}
	return s.Run(ctx, stmts, node.Local(n.node.Session(session.Options{Dir: "."})))
}

// Row is a row of a query's result.
type Row struct {
	// Op is the row's place in the changelog: "+I", "-U", "+U" or "-D".
	Op      string
	Columns []string
	// Values are nil, bool, int64, float64, string, []byte, or []any for nested
	// ones; dates, times and decimals are strings, as CAST to STRING writes them.
	Values []any
}

// Query runs a query and gives its rows as they come. The query of an unbounded
// topic goes on until the loop is left or ctx ends. The last pair has an error if
// the query failed.
func (n *Node) Query(ctx context.Context, sql string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		r, err := n.node.Session(session.Options{Dir: "."}).Execute(ctx, sql)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer r.Close()
		for {
			b, err := r.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !yieldBatch(r.Columns(), b, yield) {
				return
			}
		}
	}
}

func yieldBatch(columns []types.Field, b *vec.Batch, yield func(Row, error) bool) bool {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	for i := range b.Len() {
		at := b.Row(i)
		row := Row{Op: b.Kind(at).String(), Columns: names, Values: make([]any, len(b.Cols))}
		for c, v := range b.Cols {
			row.Values[c] = vec.Value(v, at)
		}
		if !yield(row, nil) {
			return false
		}
	}
	return true
}

// Record is a record of a topic.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	// Timestamp is the producer's, the time of Produce if zero.
	Timestamp time.Time
	// Key and Value are nil where the record has none.
	Key, Value []byte
}

// Produce writes records, which go to the partition of their key as Kafka's clients
// choose it, and returns once they are durable. Topic must be set; Partition and
// Offset are filled in. A topic that is not there is made.
func (n *Node) Produce(ctx context.Context, records ...Record) error {
	groups := map[string][]*node.Record{}
	for i := range records {
		r := &records[i]
		if r.Topic == "" {
			return fmt.Errorf("record %d names no topic", i)
		}
		groups[r.Topic] = append(groups[r.Topic], &node.Record{Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Index: i})
	}
	for topic, list := range groups {
		if err := n.node.Produce(ctx, topic, list); err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
		for _, r := range list {
			records[r.Index].Partition, records[r.Index].Offset = r.Partition, r.Offset
		}
	}
	return nil
}

// Consume gives the committed records of a topic, from its start: partition by
// partition as they are there, and then as they come, until the loop is left or ctx
// ends. With untilEnd it ends at the end that the topic has now. Key and Value are
// the caller's.
func (n *Node) Consume(ctx context.Context, topic string, untilEnd bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		err := n.node.Consume(ctx, topic, untilEnd, func(r *node.Record) bool {
			return yield(Record{Topic: topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}, nil)
		})
		if err != nil {
			yield(Record{}, err)
		}
	}
}
