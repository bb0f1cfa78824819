package node

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/millrace/millrace/internal/broker"
)

// kafkaListener is an address that Kafka clients are served on, by the name of the
// setting listeners; an empty one for --kafka, which is open to all.
type kafkaListener struct {
	net.Listener
	name string
}

func (n *Node) listenKafka() error {
	configs, err := broker.ParseListeners(n.config.Settings)
	if err != nil {
		return err
	}
	if len(configs) > 0 && n.config.Kafka != "" {
		return errors.New("the setting listeners and --kafka both say where to serve Kafka clients: give one of them")
	}
	if len(configs) == 0 && n.config.Kafka != "" {
		configs = []broker.ListenerConfig{{Address: n.config.Kafka}}
	}
	for _, c := range configs {
		l, err := net.Listen("tcp", c.Address)
		if err != nil {
			n.closeKafka()
			if c.Name == "" {
				return listenError("kafka", c.Address, err)
			}
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return fmt.Errorf("cannot serve the listener %s on %s: %w; choose another port in the setting listeners (port 0 picks one)", c.Name, c.Address, err)
		}
		n.kafka = append(n.kafka, kafkaListener{l, c.Name})
	}
	return nil
}

func (n *Node) closeKafka() {
	for _, l := range n.kafka {
		l.Close()
	}
}

func (n *Node) serveKafka() {
	for _, l := range n.kafka {
		n.running.Go(func() {
			serve := n.broker.Serve
			if l.name != "" {
				serve = func(nl net.Listener) error { return n.broker.ServeAs(nl, l.name) }
			}
			if err := serve(l.Listener); err != nil {
				n.report(fmt.Sprintf("kafka: %v", err))
			}
		})
	}
}

func (n *Node) kafkaAddresses() string {
	var out []string
	for _, l := range n.kafka {
		out = append(out, l.Addr().String())
	}
	return strings.Join(out, ",")
}
