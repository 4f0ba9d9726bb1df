package boostress_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/boostress/boostress/providerapi/sandbox"
)

// BenchmarkCreateInstant places orders with an instant provider over real HTTP, from 64 goroutines: adapter and
// provider share the processor.
func BenchmarkCreateInstant(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "journal": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			shop := openShop(b, dir, sandbox.Behavior{Instant: true})
			var serial atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				placing := request(b)
				for pb.Next() {
					placing.Key = fmt.Sprintf("0199c0de00007000800000000000%04x-%d", 1, serial.Add(1))
					if _, err := shop.Create(b.Context(), placing); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}
