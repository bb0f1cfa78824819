package broker

import (
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is one of Kafka's APIs as it is served: the file NN_name.go that handles it registers it, with the versions it speaks, and
// nothing else says which versions there are.
type api struct {
	key, min, max int16
	flexible      int16 // the first version with compact lengths and tagged fields
	handle        func(c *call, req kmsg.Request) reply
	raw           func(c *call, r *reader) (reply, error)
}

// apis is indexed by key. Filled by init functions, read only after.
var apis [apiKeys]*api

// register declares an API. The handler runs on the connection's reader, one request after the other, so that requests take effect in
// the order they were sent; what takes time it leaves to its reply.
func register[R kmsg.Request](key, min, max int16, handle func(c *call, req R) reply) {
	add(&api{key: key, min: min, max: max, handle: func(c *call, req kmsg.Request) reply { return handle(c, req.(R)) }})
}

// registerRaw declares an API that decodes its requests itself. What it reads is gone when the handler returns.
func registerRaw(key, min, max int16, handle func(c *call, r *reader) (reply, error)) {
	add(&api{key: key, min: min, max: max, raw: handle})
}

func add(a *api) {
	req := kmsg.RequestForKey(a.key)
	if req == nil || apis[a.key] != nil || a.max > req.MaxVersion() {
		panic(fmt.Sprintf("api %d is registered twice, or with a version that kmsg does not know", a.key))
	}
	a.flexible = math.MaxInt16
	for v := a.max; v >= 0; v-- {
		if req.SetVersion(v); req.IsFlexible() {
			a.flexible = v
		}
	}
	apis[a.key] = a
}

func apiOf(key int16) *api {
	if key < 0 || int(key) >= len(apis) {
		return nil
	}
	return apis[key]
}

// call is one request on its way through a handler.
type call struct {
	*Broker
	conn     *conn
	version  int16
	clientID string
	throttle time.Duration // how long the client is to be silent, see quotas
	spent    time.Duration // what the request took of our time, where that counts
}

// reply is what a handler leaves to the connection's writer, which sends the replies of a connection in the order of its requests.
type reply struct {
	// last, where set, ends the connection behind this answer.
	last error
	// silent: the client wants no answer (acks=0).
	silent bool
	// resp is the answer, if it is known.
	resp kmsg.Response
	// wait gives the answer, when there is one. It ends early when the connection does (conn.ctx), and should answer at once when the
	// broker stops (Broker.stopping).
	wait func() reply
	// ready, if not nil, says that wait would not wait: then answers to several requests leave together.
	ready func() bool
	// body is an answer that writes itself.
	body body
}

// body writes a response behind its header, which begins at c.out[at] with four bytes for the size.
type body interface {
	write(c *conn, at int) error
	// release gives back what it holds. It is called in any case, once.
	release()
}

// answer is a reply that is ready.
func answer(resp kmsg.Response) reply { return reply{resp: resp} }

// later is a reply that the writer waits for.
func later(wait func() kmsg.Response) reply {
	return reply{wait: func() reply { return answer(wait()) }}
}
