package millrace_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millrace/millrace"
)

// A node in memory: records in, SQL over them, records out, no socket and no files.
func Example() {
	ctx := context.Background()
	node, err := millrace.Open(millrace.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()

	err = node.Produce(ctx,
		millrace.Record{Topic: "orders", Key: []byte("ann"), Value: []byte(`{"customer":"ann","amount":5}`)},
		millrace.Record{Topic: "orders", Key: []byte("bob"), Value: []byte(`{"customer":"bob","amount":7}`)},
		millrace.Record{Topic: "orders", Key: []byte("ann"), Value: []byte(`{"customer":"ann","amount":10}`)},
	)
	if err != nil {
		log.Fatal(err)
	}
	err = node.Exec(ctx, `
		SET 'table.dml-sync' = 'true';
		CREATE TABLE orders (customer STRING, amount INT) WITH ('scan.bounded.mode' = 'latest-offset');
		CREATE TABLE totals (customer STRING, total INT, PRIMARY KEY (customer) NOT ENFORCED);
		INSERT INTO totals SELECT customer, SUM(amount) FROM orders GROUP BY customer`)
	if err != nil {
		log.Fatal(err)
	}
	latest := map[string]string{}
	for r, err := range node.Consume(ctx, "totals", true) {
		if err != nil {
			log.Fatal(err)
		}
		latest[string(r.Key)] = string(r.Value)
	}
	fmt.Println(latest[`{"customer":"ann"}`])
	fmt.Println(latest[`{"customer":"bob"}`])
	// Output:
	// {"customer":"ann","total":15}
	// {"customer":"bob","total":7}
}
