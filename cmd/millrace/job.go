package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/gateway"
)

func jobCommand() *cobra.Command {
	at := &nodeHTTP{}
	c := &cobra.Command{
		Use: "job", Short: "List, describe, cancel, stop, save, restore and rescale the jobs of a node", Args: knownCommand, RunE: showHelp,
		Long: `List, describe, cancel, stop, save, restore and rescale the jobs of a node.

A JOB is an id, or the beginning of one, or the name of a job that has not ended.`,
	}
	f := c.PersistentFlags()
	f.StringVar(&at.addr, "addr", "127.0.0.1:8083", "HTTP address of a node")
	f.StringVar(&at.user, "user", "", "name to log in with")
	f.StringVar(&at.passwordFile, "password-file", "", "file whose first line is the password; asked for if not given")
	f.StringVar(&at.config, "command-config", "", "a file of Kafka client properties: security.protocol, sasl.jaas.config, ssl.…")
	c.AddCommand(jobList(at), jobDescribe(at), jobCancel(at), jobStop(at), jobSavepoint(at), jobRestore(at), jobRescale(at))
	return c
}

// nodeHTTP is a node's HTTP address, and who is there.
type nodeHTTP struct{ addr, user, passwordFile, config string }

func (n *nodeHTTP) client() (*gateway.JobClient, error) {
	login, err := sqlLogin(n.user, n.passwordFile, n.config)
	return gateway.NewJobClient(n.addr, login), err
}

// withJob finds the job that is meant.
func withJob(at *nodeHTTP, fn func(cmd *cobra.Command, c *gateway.JobClient, id string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := at.client()
		if err != nil {
			return err
		}
		id, err := c.Find(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return fn(cmd, c, id)
	}
}

func jobList(at *nodeHTTP) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "The jobs of the node, those that have ended too", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := at.client()
			if err != nil {
				return err
			}
			jobs, err := client.List(cmd.Context())
			if err != nil {
				return err
			}
			if done, err := printJSON(output, jobs); done {
				return err
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "JOB\tSTATE\tSTARTED\tNAME")
			for _, j := range jobs {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", j.ID, j.State, clock(j.Start), j.Name)
			}
			return w.Flush()
		},
	}
	outputFlag(c, &output)
	return c
}

func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVar(output, "output", "table", "how it is printed: table, or json as the REST API gives it")
}

// printJSON prints v if that is asked for.
func printJSON(output string, v any) (done bool, err error) {
	switch output {
	case "table":
		return false, nil
	case "json":
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return true, e.Encode(v)
	}
	return true, fmt.Errorf("--output %s: it is table or json", output)
}

// clock is a time of the REST API as a person reads it.
func clock(ms int64) string {
	if ms < 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05")
}

func jobDescribe(at *nodeHTTP) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "describe JOB", Short: "Operators with rows, state and watermarks, and why a job failed", Args: exactly("JOB"),
		RunE: withJob(at, func(cmd *cobra.Command, c *gateway.JobClient, id string) error {
			d, err := c.Describe(cmd.Context(), id)
			if err != nil {
				return err
			}
			if done, err := printJSON(output, d); done {
				return err
			}
			return describe(os.Stdout, d)
		}),
	}
	outputFlag(c, &output)
	return c
}

func describe(out io.Writer, d *gateway.JobDetails) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s:\t"+format+"\n", append([]any{name}, args...)...)
	}
	m := &d.Millrace
	line("job", "%s", d.ID)
	line("name", "%s", d.Name)
	line("state", "%s", d.State)
	line("submitted", "%s", clock(d.Start))
	if d.End >= 0 {
		line("ended", "%s", clock(d.End))
	}
	if len(d.Vertices) > 0 {
		line("parallelism", "%d of %d key groups", d.Vertices[0].Parallelism, d.MaxParallelism)
		line("epoch", "%d, committed in %g ms", m.Epoch, m.CommitMillis)
	}
	if m.Strategy != "" {
		line("restart strategy", "%s", m.Strategy)
	}
	if m.NextStart >= 0 {
		line("starts again", "%s", clock(m.NextStart))
	}
	if m.RestoredFrom != "" {
		line("restored from", "%s", m.RestoredFrom)
	}
	if m.Savepoint != "" {
		line("savepoint", "%s", m.Savepoint)
	}
	for _, n := range m.Notes {
		line("note", "%s", n)
	}
	if n := len(m.Failures); n > 0 && (d.State == "FAILED" || d.State == "RESTARTING" || d.State == "FAILING") {
		describeFailure(line, &m.Failures[n-1])
	} else if m.Error != "" {
		line("error", "%s", m.Error)
	}
	if m.Why != "" {
		line("now", "%s", m.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	describeOperators(out, d)
	for i, f := range m.Failures {
		if i == 0 {
			fmt.Fprintln(out, "\nFAILURES")
		}
		fmt.Fprintf(out, "%s  after epoch %d  %s\n", f.Time.UTC().Format("2006-01-02 15:04:05"), f.Epoch, f.Error)
	}
	return nil
}

func describeFailure(line func(string, string, ...any), f *gateway.JobFailure) {
	line("error", "%s", f.Error)
	if f.Operator != "" {
		line("operator", "%s", f.Operator)
	}
	if f.Row != "" {
		line("row", "%s", f.Row)
	}
	line("last good epoch", "%d", f.Epoch)
}

func describeOperators(out io.Writer, d *gateway.JobDetails) {
	if len(d.Vertices) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nROWS IN\tROWS OUT\tLATE\tSTATE ROWS\tSTATE BYTES\tWATERMARK\tOPERATOR")
	for _, v := range d.Vertices {
		m := &v.Millrace
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%s\t%s\n", v.Metrics.ReadRecords, v.Metrics.WriteRecords, m.LateRows, m.StateRows, m.StateBytes+m.StateDisk,
			watermark(m.Watermark, m.Ended, m.Idle), v.Name)
	}
	w.Flush()
	fmt.Fprintln(w, "\nSPLIT\tWORKER\tUNREAD\tWATERMARK")
	splits := false
	for _, v := range d.Vertices {
		for _, s := range v.Millrace.Splits {
			splits = true
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", s.ID, s.Worker, s.Behind, watermark(s.Watermark, s.Done, s.Idle))
		}
	}
	if splits {
		w.Flush()
	}
}

func watermark(ms *int64, ended, idle bool) string {
	text := "-"
	switch {
	case ended:
		return "end"
	case ms != nil:
		text = time.UnixMilli(*ms).UTC().Format("2006-01-02 15:04:05.000")
	}
	if idle {
		text += " (idle)"
	}
	return text
}

func jobCancel(at *nodeHTTP) *cobra.Command {
	return &cobra.Command{
		Use: "cancel JOB", Short: "End a job; what it had not committed is dropped, and its state", Args: exactly("JOB"),
		RunE: withJob(at, func(cmd *cobra.Command, c *gateway.JobClient, id string) error { return c.Cancel(cmd.Context(), id) }),
	}
}

func jobStop(at *nodeHTTP) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "stop JOB --savepoint DIR", Short: "End a job at the end of an epoch, with a savepoint", Args: exactly("JOB"),
		Long: `End a job at the end of an epoch, with a savepoint: a new directory below DIR, whose
path is printed. A job that is restored from it goes on exactly where this one ended.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return fmt.Errorf("job stop needs --savepoint DIR; without a savepoint a job is ended by `millrace job cancel`")
			}
			return savepoint(cmd, at, args, dir, true)
		},
	}
	c.Flags().StringVar(&dir, "savepoint", "", "directory, on the node's machine, that gets the savepoint")
	return c
}

func jobSavepoint(at *nodeHTTP) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "savepoint JOB --dir DIR", Short: "Write a savepoint of a job, which goes on", Args: exactly("JOB"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return fmt.Errorf("job savepoint needs --dir DIR, the directory that gets the savepoint")
			}
			return savepoint(cmd, at, args, dir, false)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory, on the node's machine, that gets the savepoint")
	return c
}

func savepoint(cmd *cobra.Command, at *nodeHTTP, args []string, dir string, stop bool) error {
	// A path is meant from where the command was given.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	return withJob(at, func(cmd *cobra.Command, c *gateway.JobClient, id string) error {
		path, err := c.Savepoint(cmd.Context(), id, dir, stop)
		if err == nil {
			fmt.Println(path)
		}
		return err
	})(cmd, args)
}

func jobRestore(at *nodeHTTP) *cobra.Command {
	var allow bool
	var parallelism int
	c := &cobra.Command{
		Use: "restore SAVEPOINT", Short: "Start the job of a savepoint anew, where it was saved", Args: exactly("SAVEPOINT"),
		Long: `Start the job of a savepoint anew, where it was saved; the new job's id is printed.

For a query that was edited: SET 'execution.state-recovery.path' = '…' and INSERT.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			client, err := at.client()
			if err != nil {
				return err
			}
			id, err := client.Restore(cmd.Context(), path, allow, parallelism)
			if err == nil {
				fmt.Println(id)
			}
			return err
		},
	}
	c.Flags().BoolVar(&allow, "allow-non-restored-state", false, "let state of the savepoint go that the job does not take")
	c.Flags().IntVar(&parallelism, "parallelism", 0, "number of workers, if not that of the savepoint")
	return c
}

func jobRescale(at *nodeHTTP) *cobra.Command {
	var parallelism int
	c := &cobra.Command{
		Use: "rescale JOB --parallelism N", Short: "Let a job go on with another number of workers", Args: exactly("JOB"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if parallelism < 1 {
				return fmt.Errorf("job rescale needs --parallelism N, the number of workers")
			}
			return withJob(at, func(cmd *cobra.Command, c *gateway.JobClient, id string) error {
				return c.Rescale(cmd.Context(), id, parallelism)
			})(cmd, args)
		},
	}
	c.Flags().IntVar(&parallelism, "parallelism", 0, "number of workers")
	return c
}
