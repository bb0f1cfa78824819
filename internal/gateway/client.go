package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"

	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Client is a session on a node's gateway; it is a shell's executor.
type Client struct {
	base    string
	session string
	login   Login
	http    http.Client
}

// Login is how a client says who it is, and sees whom it speaks to.
type Login struct {
	User, Password string
	Token          string      // a JSON Web Token, in the place of user and password
	TLS            *tls.Config // nil for none
}

// Dial opens a session on the gateway at HOST:PORT.
func Dial(ctx context.Context, addr string, login Login) (*Client, error) {
	client := newClient(addr, "/v3", login)
	c := &client
	var opened struct {
		SessionHandle string `json:"sessionHandle"`
	}
	err := c.call(ctx, "POST", "/sessions", map[string]string{"sessionName": "millrace sql"}, &opened)
	if err = unreachable(addr, err); err != nil {
		return nil, err
	}
	c.session = "/sessions/" + opened.SessionHandle
	return c, nil
}

// newClient is a client that has no session yet.
func newClient(addr, version string, login Login) Client {
	c := Client{base: "http://" + addr + version, login: login}
	if login.TLS != nil {
		c.base = "https://" + addr + version
		c.http.Transport = &http.Transport{TLSClientConfig: login.TLS}
	}
	return c
}

// unreachable says of an error of the network what to do.
func unreachable(addr string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("no node answers on %s (%w): start one with `millrace serve --data DIR`, or name another with --addr", addr, op.Err)
	}
	return err
}

// Close ends the session and its queries.
func (c *Client) Close() error {
	return c.call(context.Background(), "DELETE", c.session, nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	switch {
	case c.login.User != "":
		req.SetBasicAuth(c.login.User, c.login.Password)
	case c.login.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.login.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w: log in with --user NAME --password-file FILE, or with --command-config FILE", readError(resp))
	}
	if resp.StatusCode/100 != 2 {
		return readError(resp)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// place finds the position that the text of an error begins with.
var place = regexp.MustCompile(`(?s)^(\d+):(\d+): (.*)$`)

// readError makes the gateway's error an error here, a positioned one where it was.
func readError(resp *http.Response) error {
	var e struct {
		Errors []string `json:"errors"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || len(e.Errors) == 0 {
		return fmt.Errorf("the node answered %s", resp.Status)
	}
	text := e.Errors[len(e.Errors)-1]
	m := place.FindStringSubmatch(text)
	if m == nil {
		return errors.New(text)
	}
	line, _ := strconv.Atoi(m[1])
	col, _ := strconv.Atoi(m[2])
	return &parser.Error{Pos: parser.Pos{Line: line, Col: col}, Msg: m[3]}
}

// Execute runs a statement.
func (c *Client) Execute(ctx context.Context, statement string) (shell.Result, error) {
	var started struct {
		OperationHandle string `json:"operationHandle"`
	}
	if err := c.call(ctx, "POST", c.session+"/statements", map[string]string{"statement": statement}, &started); err != nil {
		return nil, err
	}
	r := &remoteResult{client: c, operation: c.session + "/operations/" + started.OperationHandle}
	if err := r.fetch(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// remoteResult reads a result page by page.
type remoteResult struct {
	client    *Client
	operation string
	token     int64
	first     bool // page holds the first page, not yet handed over
	page      clientPage
	columns   []types.Field
}

type clientPage struct {
	ResultType  string `json:"resultType"`
	IsQuery     bool   `json:"isQueryResult"`
	JobID       string `json:"jobID"`
	IsStreaming bool   `json:"isStreaming"`
	Results     struct {
		Columns []struct {
			Name string `json:"name"`
			Type struct {
				Root string `json:"type"`
				SQL  string `json:"sql"`
			} `json:"logicalType"`
		} `json:"columns"`
		Data []struct {
			Kind   string            `json:"kind"`
			Fields []json.RawMessage `json:"fields"`
		} `json:"data"`
	} `json:"results"`
}

// fetch gets the next page, asking again while it is not ready.
func (r *remoteResult) fetch(ctx context.Context) error {
	for {
		var p clientPage
		path := fmt.Sprintf("%s/result/%d?rowFormat=JSON", r.operation, r.token)
		if err := r.client.call(ctx, "GET", path, nil, &p); err != nil {
			return err
		}
		if p.ResultType == "NOT_READY" {
			continue
		}
		r.page, r.first = p, r.token == 0
		r.token++
		return r.readColumns()
	}
}

// expressionTypes are those that a query may give and no column of a table has.
var expressionTypes = map[string]types.Type{
	rootNames[types.Null]:              types.TNull,
	rootNames[types.IntervalYearMonth]: {Root: types.IntervalYearMonth},
	rootNames[types.IntervalDayTime]:   {Root: types.IntervalDayTime},
}

func (r *remoteResult) readColumns() error {
	if r.columns != nil || !r.page.IsQuery {
		return nil
	}
	for _, c := range r.page.Results.Columns {
		t, ok := expressionTypes[c.Type.Root]
		if !ok {
			var err error
			if t, err = session.ParseType(c.Type.SQL); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		r.columns = append(r.columns, types.Field{Name: c.Name, Type: t})
	}
	return nil
}

func (r *remoteResult) Columns() []types.Field { return r.columns }
func (r *remoteResult) JobID() string          { return r.page.JobID }
func (r *remoteResult) Streaming() bool        { return r.page.IsStreaming }

// Next gives the rows of the next page.
func (r *remoteResult) Next(ctx context.Context) (*vec.Batch, error) {
	if !r.first {
		if r.page.ResultType == "EOS" {
			return nil, io.EOF
		}
		if err := r.fetch(ctx); err != nil {
			return nil, err
		}
	}
	r.first = false
	if len(r.page.Results.Data) == 0 && r.page.ResultType == "EOS" {
		return nil, io.EOF
	}
	return r.batch()
}

var kindOf = map[string]types.RowKind{"INSERT": types.Insert, "UPDATE_BEFORE": types.UpdateBefore, "UPDATE_AFTER": types.UpdateAfter, "DELETE": types.Delete}

func (r *remoteResult) batch() (_ *vec.Batch, err error) {
	data := r.page.Results.Data
	b := &vec.Batch{N: len(data), Kinds: make([]types.RowKind, len(data))}
	rows := make([][]json.RawMessage, len(data))
	for i, row := range data {
		b.Kinds[i], rows[i] = kindOf[row.Kind], row.Fields
	}
	b.Cols, err = decodeRows(r.columns, rows)
	return b, err
}

// Close ends the operation.
func (r *remoteResult) Close() error {
	return r.client.call(context.Background(), "DELETE", r.operation+"/close", nil, nil)
}
