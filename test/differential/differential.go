// Package differential holds conversations with a broker, as text, and lets two brokers have them: Apache Kafka, whose answers are
// recorded in testdata, and millrace, whose answers must be the same. Ids and times, which cannot be, are replaced by names: the first
// producer id that a conversation meets is P1, and stays P1, so that it still tells whether an id is the one it was.
//
//	# a comment
//	InitProducerID 5 TransactionalID=commit TransactionTimeoutMillis=60000
//	  ProducerID=P1
//
// A line names an API, a version and the fields that are not at their defaults; what is indented below it is the answer, in the same
// words. An answer that says "later", such as CONCURRENT_TRANSACTIONS, is asked for again until it says something else; a line that
// begins with "once" is not. "settle ID" waits until a transactional id has no markers to write any more.
//
// Where millrace answers otherwise, on purpose, testdata/differences.txt has its answer and the reason; a difference that is gone must
// be taken out there.
package differential

import (
	"fmt"
	"strings"
)

// step is one line of a conversation and its answer.
type step struct {
	before []string // comments and empty lines
	line   string
	answer []string
}

// conversation is a file.
type conversation struct {
	steps []step
	after []string
}

func parseConversation(text string) (*conversation, error) {
	c := &conversation{}
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			c.after = append(c.after, line)
		case strings.HasPrefix(line, "  "):
			if len(c.steps) == 0 || len(c.after) > 0 {
				return nil, fmt.Errorf("line %d: an answer without a request above it", i+1)
			}
			last := &c.steps[len(c.steps)-1]
			last.answer = append(last.answer, strings.TrimPrefix(line, "  "))
		default:
			c.steps = append(c.steps, step{before: c.after, line: line})
			c.after = nil
		}
	}
	return c, nil
}

func (c *conversation) String() string {
	var b strings.Builder
	lines := func(prefix string, list []string) {
		for _, l := range list {
			b.WriteString(strings.TrimRight(prefix+l, " ") + "\n")
		}
	}
	for _, s := range c.steps {
		lines("", s.before)
		lines("", []string{s.line})
		lines("  ", s.answer)
	}
	lines("", c.after)
	return b.String()
}
