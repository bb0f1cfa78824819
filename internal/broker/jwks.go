package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/broker/auth"
)

// jwksSource keeps an issuer's keys: a file's, read again when it changes, or an address's, fetched from time to time and when a token
// names a key that is not there. While they cannot be had the last ones stay.
type jwksSource struct {
	url      string
	file     string
	refresh  time.Duration
	backoff  time.Duration
	longest  time.Duration
	report   func(string)
	keys     atomic.Pointer[auth.KeySet]
	wanted   chan struct{}
	modified time.Time
}

const (
	// lookAtFile is how often a file of keys is looked at.
	lookAtFile = time.Second
	// jwksPatience is how long a fetch may take, jwksBytes how much it may bring.
	jwksPatience = 10 * time.Second
	jwksBytes    = 1 << 20
	// wantedAtMost is how often tokens with unknown keys make it fetch: they cost who sends them nothing.
	wantedAtMost = 30 * time.Second
)

// newTokens makes the validator of a listener's tokens, and starts what keeps its keys.
func (b *Broker) newTokens(s listenerSettings) (*auth.TokenValidator, error) {
	const setting = "sasl.oauthbearer.jwks.endpoint.url"
	get := func(name string) string { return s.of(auth.MechanismOAuthBearer, name) }
	ms := func(name string) time.Duration { return time.Duration(s.number(name)) * time.Millisecond }
	k := &jwksSource{
		url: get(setting), report: b.config.Report, wanted: make(chan struct{}, 1), refresh: ms("sasl.oauthbearer.jwks.endpoint.refresh.ms"),
		backoff: ms("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms"), longest: ms("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms"),
	}
	at, err := url.Parse(k.url)
	switch {
	case k.url == "":
		return nil, errors.New("OAUTHBEARER needs the issuer's keys: set " + setting + " (tokens without a signature, Kafka's default, are not taken)")
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	case at.Scheme == "file":
		k.file = at.Path
	case at.Scheme != "https" && at.Scheme != "http":
		return nil, fmt.Errorf("%s: expected https://… or file:///…", setting)
	}
	if k.keys.Store(&auth.KeySet{}); k.file != "" {
		if _, err := k.readFile(); err != nil {
			return nil, fmt.Errorf("%s: %w", setting, err)
		}
	}
	b.running.Go(func() { k.run(b.ctx, b.stopping) })
	v := &auth.TokenValidator{
		Keys: k.keys.Load, Missing: func(string) { k.want() }, Issuer: get("sasl.oauthbearer.expected.issuer"),
		SubjectClaim: get("sasl.oauthbearer.sub.claim.name"), ScopeClaim: get("sasl.oauthbearer.scope.claim.name"),
		Skew: time.Duration(s.number("sasl.oauthbearer.clock.skew.seconds")) * time.Second,
	}
	for a := range strings.SplitSeq(get("sasl.oauthbearer.expected.audience"), ",") {
		if a = strings.TrimSpace(a); a != "" {
			v.Audiences = append(v.Audiences, a)
		}
	}
	return v, nil
}

func (k *jwksSource) want() {
	select {
	case k.wanted <- struct{}{}:
	default: // it is going to fetch anyway
	}
}

// run keeps the keys until the broker stops.
func (k *jwksSource) run(ctx context.Context, stopping <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := k.refresh
	failed := time.Duration(0)
	var last time.Time
	for first := true; ; first = false {
		if k.file != "" {
			_, err := k.readFile()
			if err != nil && failed == 0 { // once, not every second
				k.report(fmt.Sprintf("the JWKS file cannot be used, the keys before stay in force: %v", err))
			}
			if failed = 0; err != nil {
				failed = lookAtFile
			}
			wait = lookAtFile
		} else if first || time.Since(last) >= min(wantedAtMost, wait) || failed > 0 {
			last = time.Now()
			err := k.fetch(ctx)
			if wait = k.refresh; err != nil {
				if failed == 0 {
					k.report(fmt.Sprintf("fetching the JWKS of %s: %v; trying again", k.url, err))
				}
				failed = min(max(2*failed, k.backoff), k.longest)
				wait = failed
			} else {
				failed = 0
			}
		}
		t := time.NewTimer(wait)
		select {
		case <-stopping:
		case <-t.C:
		case <-k.wanted:
			if rest := wantedAtMost - time.Since(last); k.file == "" && failed == 0 && rest > 0 {
				select {
				case <-stopping:
				case <-time.After(min(rest, wait)):
				}
			}
		}
		t.Stop()
		select {
		case <-stopping:
			return
		default:
		}
	}
}

// readFile reads the file if it has changed.
func (k *jwksSource) readFile() (changed bool, err error) {
	info, err := os.Stat(k.file)
	if err != nil {
		return false, err
	}
	if info.ModTime().Equal(k.modified) {
		return false, nil
	}
	k.modified = info.ModTime()
	doc, err := os.ReadFile(k.file)
	if err != nil {
		return false, err
	}
	return true, k.parse(doc)
}

func (k *jwksSource) parse(doc []byte) error {
	keys, err := auth.ParseKeySet(doc)
	if err == nil {
		k.keys.Store(keys)
	}
	return err
}

func (k *jwksSource) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, jwksPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", resp.Status)
	}
	doc, err := io.ReadAll(io.LimitReader(resp.Body, jwksBytes))
	if err != nil {
		return err
	}
	return k.parse(doc)
}
