package session

import (
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/lower"
	"github.com/millrace/millrace/internal/sql/plan"
)

// lateTopic is the setting that names the topic of late rows.
const lateTopic = "sink.late-topic"

// checkLateTopic is what CREATE TABLE asks of a topic's name.
func (s *Session) checkLateTopic(name string) error {
	var f *connector.Factory
	err := s.withCatalog(func(c *catalog.Catalog) error {
		f = c.Factory(embedded)
		return nil
	})
	if err != nil || f == nil || name == "" {
		return err
	}
	for _, o := range f.Options {
		if o.Name == "topic" && o.Check != nil {
			return o.Check(name)
		}
	}
	return nil
}

// embedded is the connector of the node's own topics.
const embedded = "log"

// late is where the late rows of a statement go; nil: they are counted only. A query
// has nobody who would settle its transactions after a crash, so that its late rows are
// not kept.
func (s *Session) late(st *plan.Statement, does *accesses) *lower.Late {
	topic := s.value(lateTopic)
	if topic == "" || st.Kind == plan.Query {
		return nil
	}
	return &lower.Late{Job: s.jobName(st), Topic: topic, Sink: func(columns []connector.Column) (sink connector.Sink, err error) {
		err = s.withCatalog(func(c *catalog.Catalog) error {
			sink, err = c.Factory(embedded).Sink(lateTable(topic, columns), s.env(does))
			return err
		})
		return sink, err
	}}
}

func lateTable(topic string, columns []connector.Column) connector.Table {
	return connector.Table{
		Path:    [3]string{catalog.DefaultCatalog, catalog.DefaultDatabase, topic},
		Columns: columns, Options: connector.Options{"connector": "kafka", "topic": topic, "format": "json"},
	}
}
