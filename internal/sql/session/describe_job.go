package session

import (
	"fmt"

	"github.com/millrace/millrace/internal/sql/parser"
)

// describeJob is DESCRIBE JOB: what each operator of the job has done and waits for, and
// why nothing comes out, as one text. Flink's answer is a row of SHOW JOBS.
func (s *Session) describeJob(stmt *parser.Describe) (*Result, error) {
	for _, j := range s.visibleJobs() {
		if j.ID() == stmt.JobID {
			st := j.Status()
			return names("result", []string{st.Describe(s.options.Now())}), nil
		}
	}
	return nil, &parser.Error{Pos: stmt.Pos(), Msg: fmt.Sprintf("there is no job '%s'; SHOW JOBS lists them", stmt.JobID)}
}
