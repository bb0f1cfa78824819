package broker

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// Authorization stands before the handlers: what a request may not touch is taken out of it, the handler does the rest, and what was
// taken out comes back into its answer with the error that Kafka gives. A handler never sees a name that its caller may not use.
//
//	request ── guard: split ── allowed ── handler ── answer ── guard: add denied ── client
//	                      '─── denied ──────────────────────'
//
// Every API has a guard, or says why it needs none; one without is refused when an authorizer is on, and fails a test. The engine inside
// the node calls the logs, not the handlers, and is trusted.

// guard is what an API asks before it is handled. next runs the handler on what is left of the request.
type guard struct {
	check func(c *call, req kmsg.Request, next func() reply) reply
	// free says why there is no check: nothing to ask for, or the handler, which decodes its own requests, asks.
	free string
}

// guards is indexed by key. Filled by init functions, read only after.
var guards [128]*guard

func guarded[R kmsg.Request](key int16, check func(c *call, req R, next func() reply) reply) {
	addGuard(key, &guard{check: func(c *call, req kmsg.Request, next func() reply) reply { return check(c, req.(R), next) }})
}

// whole guards an API that is allowed or fails as a whole.
func whole[Q kmsg.Request, R kmsg.Response](key int16, may func(c *call, req Q) bool, fail func(resp R)) {
	guarded(key, func(c *call, req Q, next func() reply) reply {
		if may(c, req) {
			return next()
		}
		return respond(req, fail)
	})
}

func unguarded(key int16, why string) { addGuard(key, &guard{free: why}) }

func addGuard(key int16, g *guard) {
	if guards[key] != nil {
		panic(fmt.Sprintf("api %d has two guards", key))
	}
	guards[key] = g
}

func init() {
	unguarded(0, "Produce asks inside: its records are not decoded by kmsg")
	unguarded(1, "Fetch asks inside, likewise")
	unguarded(17, "SaslHandshake comes before there is a principal")
	unguarded(18, "ApiVersions may be asked by anybody")
	for key := int16(38); key <= 41; key++ {
		unguarded(key, "there are no delegation tokens: it says so to everybody")
	}
	unguarded(36, "SaslAuthenticate comes before there is a principal")
	unguarded(71, "GetTelemetrySubscriptions may be asked by anybody who is let in (KIP-714)")
	unguarded(72, "PushTelemetry likewise")
}

// handleGuarded runs a decoded request's handler, behind its guard where an authorizer is on.
func (c *call) handleGuarded(a *api, req kmsg.Request) (reply, error) {
	next := func() reply { return a.handle(c, req) }
	if c.authorizer == nil {
		return next(), nil
	}
	switch g := guards[a.key]; {
	case g == nil:
		return reply{}, fmt.Errorf("nothing says who may send %s", kmsg.NameForKey(a.key))
	case g.check == nil:
		return next(), nil
	default:
		return g.check(c, req, next), nil
	}
}

// allowed says whether the client may do an operation on a resource.
func (c *call) allowed(op auth.Operation, kind auth.Resource, name string) bool {
	return c.authorizer == nil || c.authorizer.Allowed(c.meta.ACLs(), c.conn.session.principal, c.conn.hostAddress(), op, kind, name)
}

// allowedCluster is allowed for the one resource of its kind.
func (c *call) allowedCluster(op auth.Operation) bool {
	return c.allowed(op, auth.Cluster, auth.ClusterName)
}

// allowedSome says whether there may be some resource of a kind that the client may do an operation on.
func (c *call) allowedSome(op auth.Operation, kind auth.Resource) bool {
	return c.authorizer == nil || c.authorizer.AllowedByType(c.meta.ACLs(), c.conn.session.principal, c.conn.hostAddress(), op, kind)
}

// operations are what the client may do with a resource, as Describe answers say it (KIP-430).
func (c *call) operations(kind auth.Resource, name string) int32 {
	if c.authorizer == nil {
		return auth.AllOperations(kind)
	}
	return c.authorizer.Operations(c.meta.ACLs(), c.conn.session.principal, c.conn.hostAddress(), kind, name)
}

// clusterOperations are operations for the cluster, which are told to whom may describe it.
func (c *call) clusterOperations() int32 {
	if !c.allowedCluster(auth.Describe) {
		return 0
	}
	return c.operations(auth.Cluster, auth.ClusterName)
}

// noOperations is the answer to who did not ask for them.
const noOperations = math.MinInt32

// deniedBy is the error of a resource that may not be used.
func deniedBy(kind auth.Resource) *kerr.Error {
	switch kind {
	case auth.Topic:
		return kerr.TopicAuthorizationFailed
	case auth.Group:
		return kerr.GroupAuthorizationFailed
	case auth.TransactionalID:
		return kerr.TransactionalIDAuthorizationFailed
	}
	return kerr.ClusterAuthorizationFailed
}

var (
	topicDenied   = kerr.TopicAuthorizationFailed.Code
	groupDenied   = kerr.GroupAuthorizationFailed.Code
	txnDenied     = kerr.TransactionalIDAuthorizationFailed.Code
	clusterDenied = kerr.ClusterAuthorizationFailed.Code
)

// split takes out of a list what is not allowed. The list stays one, if an empty one: null means all in many requests.
func split[T any](list *[]T, allowed func(*T) bool) (denied []T) {
	kept := make([]T, 0, len(*list))
	for i := range *list {
		if e := &(*list)[i]; allowed(e) {
			kept = append(kept, *e)
		} else {
			denied = append(denied, *e)
		}
	}
	if len(denied) > 0 {
		*list = kept
	}
	return denied
}

// edit changes an answer when it is there. A body, which writes itself, stays as it is.
func edit[R kmsg.Response](r reply, fn func(resp R)) reply {
	if resp, ok := r.resp.(R); ok {
		fn(resp)
	}
	if wait := r.wait; wait != nil {
		r.wait = func() reply { return edit(wait(), fn) }
	}
	return r
}

// respond answers a request without its handler.
func respond[R kmsg.Response](req kmsg.Request, fn func(resp R)) reply {
	resp := req.ResponseKind().(R)
	fn(resp)
	return answer(resp)
}

// mayTopic is an allowed for topics that a request names by name or by id. An id that nobody has passes: ids are no secret, and the
// handler knows what to say.
func (c *call) mayTopic(op auth.Operation, name string, id metadata.UUID) bool {
	if name == "" && id != (metadata.UUID{}) {
		t := c.meta.TopicByID(id)
		if t == nil {
			return true
		}
		name = t.Name
	}
	return c.allowed(op, auth.Topic, name)
}

// mayUse is allowed for a topic of Produce or Fetch: t is nil for one that is not there, and so is the name if it was asked for by id.
func (c *call) mayUse(op auth.Operation, t *metadata.Topic, name string) bool {
	if t != nil {
		name = t.Name
	}
	return name == "" && c.version >= 13 || c.allowed(op, auth.Topic, name)
}

// hostAddress is the client's address as ACLs name it, which is as Java writes addresses: without zeros left out.
func (c *conn) hostAddress() string {
	return c.session.host
}

func hostAddress(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	var groups []string
	for b := ip.As16(); len(groups) < 8; {
		i := 2 * len(groups)
		groups = append(groups, fmt.Sprintf("%x", int(b[i])<<8|int(b[i+1])))
	}
	return strings.Join(groups, ":")
}
