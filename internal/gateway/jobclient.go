package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// JobClient asks a node about its jobs, over the job API.
type JobClient struct {
	addr string
	c    Client
}

// NewJobClient is a client of the node at HOST:PORT. It connects with its first request.
func NewJobClient(addr string, login Login) *JobClient {
	return &JobClient{addr: addr, c: newClient(addr, "/v1", login)}
}

func (c *JobClient) call(ctx context.Context, method, path string, in, out any) error {
	return unreachable(c.addr, c.c.call(ctx, method, path, in, out))
}

// List is the jobs, the oldest first.
func (c *JobClient) List(ctx context.Context) ([]JobLine, error) {
	var out struct {
		Jobs []JobLine `json:"jobs"`
	}
	err := c.call(ctx, http.MethodGet, "/jobs/overview", nil, &out)
	return out.Jobs, err
}

// Find is the id of the only job whose id begins with prefix, or whose name it is and which
// has not ended.
func (c *JobClient) Find(ctx context.Context, prefix string) (string, error) {
	jobs, err := c.List(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, j := range jobs {
		if j.ID == prefix {
			return j.ID, nil
		}
		if strings.HasPrefix(j.ID, prefix) || j.Name == prefix && j.State != "FINISHED" && j.State != "CANCELED" {
			found = append(found, j.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no job %s; `millrace job list` lists them", prefix)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d jobs are meant by %s: %s", len(found), prefix, strings.Join(found, ", "))
}

// Describe is all that is known of a job.
func (c *JobClient) Describe(ctx context.Context, id string) (*JobDetails, error) {
	var out JobDetails
	return &out, c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, &out)
}

// Cancel ends a job, and returns when nothing of it is open.
func (c *JobClient) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPatch, "/jobs/"+url.PathEscape(id)+"?mode=cancel", nil, nil)
}

// Savepoint writes a savepoint below dir, a directory of the node's, and returns its path;
// with stop the job ends.
func (c *JobClient) Savepoint(ctx context.Context, id, dir string, stop bool) (path string, err error) {
	job := "/jobs/" + url.PathEscape(id)
	ask, body := "/savepoints", map[string]string{"target-directory": dir}
	if stop {
		ask, body = "/stop", map[string]string{"targetDirectory": dir}
	}
	var started struct {
		ID string `json:"request-id"`
	}
	if err := c.call(ctx, http.MethodPost, job+ask, body, &started); err != nil {
		return "", err
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var st operationStatus
		if err := c.call(ctx, http.MethodGet, job+"/savepoints/"+started.ID, nil, &st); err != nil {
			return "", err
		}
		switch op := st.Operation; {
		case st.Status.ID != "COMPLETED":
		case op == nil || op.Failure == nil && op.Location == "":
			return "", errors.New("the node's answer names no savepoint")
		case op.Failure != nil:
			return "", errors.New(op.Failure.Trace)
		default:
			return op.Location, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// Restore submits the job of a savepoint anew, and returns its id.
func (c *JobClient) Restore(ctx context.Context, path string, allowNonRestored bool, parallelism int) (id string, err error) {
	var out struct {
		ID string `json:"jobid"`
	}
	err = c.call(ctx, http.MethodPost, "/jobs", map[string]any{
		"savepointPath": path, "allowNonRestoredState": allowNonRestored, "parallelism": parallelism,
	}, &out)
	return out.ID, err
}

// Rescale lets a job go on with so many workers.
func (c *JobClient) Rescale(ctx context.Context, id string, parallelism int) error {
	var b bounds
	b.Parallelism.Lower, b.Parallelism.Upper = 1, parallelism
	return c.call(ctx, http.MethodPut, "/jobs/"+url.PathEscape(id)+"/resource-requirements", map[string]bounds{strings.Repeat("0", 32): b}, nil)
}
