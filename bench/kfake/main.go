// Command kfake serves franz-go's kfake on a port, with its data in a directory and
// writes synced: what the benchmarks compare the node with. It is a module of its own,
// so that kfake is not among the project's dependencies.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	port := flag.Int("port", 0, "port to listen on")
	dir := flag.String("data", "", "data directory")
	flag.Parse()
	c, err := kfake.NewCluster(kfake.Ports(*port), kfake.NumBrokers(1), kfake.DefaultNumPartitions(6), kfake.AllowAutoTopicCreation(),
		kfake.DataDir(*dir), kfake.SyncWrites())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	c.Close()
}
