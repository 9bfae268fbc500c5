// Queries and inserts over HTTP with clickhouse-go, the driver of Grafana's data source.
// Usage: goclient host:port database none|gzip. Prints "count sum last" of what it wrote.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const rows = 20000

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, database, compression string) error {
	method := clickhouse.CompressionNone
	if compression == "gzip" {
		method = clickhouse.CompressionGZIP
	}
	connection, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{address},
		Auth:        clickhouse.Auth{Database: database, Username: "default"},
		Compression: &clickhouse.Compression{Method: method, Level: 1},
	})
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx := context.Background()
	if err := connection.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	create := "CREATE OR REPLACE TABLE go (n UInt32, s String, a Array(UInt32)) ENGINE = MergeTree ORDER BY n"
	if err := connection.Exec(ctx, create); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := insert(ctx, connection); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return read(ctx, connection)
}

func insert(ctx context.Context, connection driver.Conn) error {
	batch, err := connection.PrepareBatch(ctx, "INSERT INTO go (n, s, a)")
	if err != nil {
		return err
	}
	for n := uint32(0); n < rows; n++ {
		if err := batch.Append(n, fmt.Sprint(n), []uint32{n, 1}); err != nil {
			return err
		}
	}
	return batch.Send()
}

func read(ctx context.Context, connection driver.Conn) error {
	found, err := connection.Query(ctx, "SELECT n, s, a FROM go WHERE n >= {least:UInt32} ORDER BY n",
		clickhouse.Named("least", "10"))
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer found.Close()
	var count, sum uint64
	var n uint32
	var s string
	var a []uint32
	for found.Next() {
		if err := found.Scan(&n, &s, &a); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if s != fmt.Sprint(n) || len(a) != 2 || a[0] != n {
			return fmt.Errorf("row %d came back as %q %v", n, s, a)
		}
		count++
		sum += uint64(n)
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	if err := connection.Exec(ctx, "SELECT nosuch"); err == nil {
		return fmt.Errorf("an unknown column is no error")
	}
	fmt.Println(count, sum, s)
	return nil
}
