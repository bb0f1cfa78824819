package nexmark

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/internal/connector"
	source "github.com/millrace/millrace/internal/connector/nexmark"
	"github.com/millrace/millrace/internal/format"
	_ "github.com/millrace/millrace/internal/format/json" // the records' format
	"github.com/millrace/millrace/internal/types"
)

func row(names ...string) types.Type {
	text := map[string]bool{"name": true, "emailAddress": true, "creditCard": true, "city": true, "state": true, "extra": true,
		"itemName": true, "description": true, "channel": true, "url": true}
	var fields []types.Field
	for _, n := range names {
		t := types.TBigInt
		switch {
		case text[n]:
			t = types.TString
		case n == "dateTime" || n == "expires":
			t = types.TTimestamp(3)
		}
		fields = append(fields, types.Field{Name: n, Type: t})
	}
	return types.TRow(fields...)
}

// columns are those of the table of all events.
var columns = []connector.Column{
	{Name: "event_type", Type: types.TInt},
	{Name: "person", Type: row("id", "name", "emailAddress", "creditCard", "city", "state", "dateTime", "extra")},
	{Name: "auction", Type: row("id", "itemName", "description", "initialBid", "reserve", "dateTime", "expires", "seller", "category", "extra")},
	{Name: "bid", Type: row("auction", "bidder", "price", "channel", "url", "dateTime", "extra")},
}

// Records calls fn with the events as JSON, split by split, each in order. The record
// is valid until fn returns.
func Records(ctx context.Context, events int64, splits int, fn func(split int, record []byte) error) error {
	s, err := source.Factory().NewSource(connector.Table{
		Path: [3]string{"", "", "nexmark"}, Columns: columns,
		Options: connector.Options{"events.num": fmt.Sprint(events), "splits": fmt.Sprint(splits)},
	}, connector.Env{})
	if err != nil {
		return err
	}
	f, _ := format.Lookup("json")
	cfg := format.Config{Options: map[string]string{}}
	for _, c := range columns {
		cfg.Columns = append(cfg.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	enc, err := f.NewEncoder(cfg)
	if err != nil {
		return err
	}
	parts, err := s.Splits(ctx)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if err := records(ctx, s, p, enc, func(r []byte) error { return fn(i, r) }); err != nil {
			return err
		}
	}
	return nil
}

func records(ctx context.Context, s connector.Source, split connector.Split, enc format.Encoder, fn func([]byte) error) error {
	r, err := s.Open(ctx, split, []int{0, 1, 2, 3}, func() {})
	if err != nil {
		return err
	}
	defer r.Close()
	var record []byte
	for ctx.Err() == nil {
		b, err := r.Poll(1024)
		if b == nil || err != nil {
			return err
		}
		for i := range b.N {
			if record, err = enc.Encode(record[:0], b.Cols, i); err != nil {
				return err
			}
			if err := fn(record); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// WriteFiles writes the events into a folder, a file of lines for each split.
func WriteFiles(ctx context.Context, dir string, events int64, splits int) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	outs := make([]*bufio.Writer, splits)
	for i := range outs {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("events-%d.json", i)))
		if err != nil {
			return err
		}
		defer f.Close()
		outs[i] = bufio.NewWriterSize(f, 1<<20)
	}
	err = Records(ctx, events, splits, func(split int, record []byte) error {
		_, err := outs[split].Write(append(record, '\n'))
		return err
	})
	for _, o := range outs {
		if e := o.Flush(); err == nil {
			err = e
		}
	}
	return err
}

// WriteSide writes q13's file: the numbers below 10,000, each with itself as text.
func WriteSide(path string) error {
	var b []byte
	for i := range 10_000 {
		b = fmt.Appendf(b, "%d,%d\n", i, i)
	}
	return os.WriteFile(path, b, 0o666)
}
