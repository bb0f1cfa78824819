package telemetry

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// Sample is one value that a client told of itself.
type Sample struct {
	Name       string // as the client names it: org.apache.kafka.producer.record.queue.time.avg
	Unit       string
	Attributes []Attribute
	Value      float64
	Sum        bool // it is a count since the last push (delta temporality), otherwise a gauge
}

// Attribute is a label of a sample.
type Attribute struct{ Key, Value string }

// maxSamples bounds what one push is kept of.
const maxSamples = 4096

var errMetrics = errors.New("metrics are not OpenTelemetry's MetricsData")

// Decode reads OpenTelemetry's MetricsData, as clients push it (KIP-714): the values of gauges and sums. Histograms and summaries, which
// no client sends, are passed over, and so is what comes after maxSamples.
//
//	MetricsData.resource_metrics 1 ► scope_metrics 2 ► metrics 2 ► name 1, unit 3, gauge 5 | sum 7 ► data_points 1
func Decode(b []byte) (samples []Sample, err error) {
	err = fields(b, func(n int, f field) error {
		if n != 1 {
			return nil
		}
		return fields(f.bytes, func(n int, f field) error {
			if n != 2 {
				return nil
			}
			return fields(f.bytes, func(n int, f field) error {
				if n != 2 {
					return nil
				}
				samples, err = metric(samples, f.bytes)
				return err
			})
		})
	})
	return samples, err
}

func metric(samples []Sample, b []byte) ([]Sample, error) {
	var s Sample
	var points []byte
	err := fields(b, func(n int, f field) error {
		switch n {
		case 1:
			s.Name = string(f.bytes)
		case 3:
			s.Unit = string(f.bytes)
		case 5, 7:
			points, s.Sum = f.bytes, n == 7
		}
		return nil
	})
	if err != nil {
		return samples, err
	}
	err = fields(points, func(n int, f field) error {
		if n != 1 || len(samples) >= maxSamples {
			return nil
		}
		p := s
		if err := point(&p, f.bytes); err != nil {
			return err
		}
		samples = append(samples, p)
		return nil
	})
	return samples, err
}

// point reads a NumberDataPoint: attributes 7, as_double 4 or as_int 6.
func point(s *Sample, b []byte) error {
	return fields(b, func(n int, f field) error {
		switch n {
		case 4:
			s.Value = math.Float64frombits(f.number)
		case 6:
			s.Value = float64(int64(f.number))
		case 7:
			var a Attribute
			err := fields(f.bytes, func(n int, f field) error {
				switch n {
				case 1:
					a.Key = string(f.bytes)
				case 2:
					return fields(f.bytes, func(n int, f field) error { a.Value = anyValue(n, f); return nil })
				}
				return nil
			})
			s.Attributes = append(s.Attributes, a)
			return err
		}
		return nil
	})
}

// anyValue is the text of an AnyValue: string 1, bool 2, int 3, double 4.
func anyValue(n int, f field) string {
	switch n {
	case 1:
		return string(f.bytes)
	case 2:
		return strconv.FormatBool(f.number != 0)
	case 3:
		return strconv.FormatInt(int64(f.number), 10)
	case 4:
		return strconv.FormatFloat(math.Float64frombits(f.number), 'g', -1, 64)
	}
	return ""
}

// field is a field of a Protocol Buffers message: a number, or bytes.
type field struct {
	number uint64
	bytes  []byte
}

// fields calls fn for each field of a message.
func fields(b []byte, fn func(n int, f field) error) error {
	for len(b) > 0 {
		tag, used := binary.Uvarint(b)
		if used <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return errMetrics
		}
		b = b[used:]
		var f field
		switch tag & 7 {
		case 0:
			v, used := binary.Uvarint(b)
			if used <= 0 {
				return errMetrics
			}
			f.number, b = v, b[used:]
		case 1:
			if len(b) < 8 {
				return errMetrics
			}
			f.number, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			size, used := binary.Uvarint(b)
			if used <= 0 || size > uint64(len(b)-used) {
				return errMetrics
			}
			f.bytes, b = b[used:used+int(size)], b[used+int(size):]
		case 5:
			if len(b) < 4 {
				return errMetrics
			}
			f.number, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			return errMetrics
		}
		if err := fn(int(tag>>3), f); err != nil {
			return err
		}
	}
	return nil
}
