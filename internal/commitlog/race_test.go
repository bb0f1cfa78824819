//go:build race

package commitlog

// raceDetector is on: it makes sync.Pool forget at random.
const raceDetector = true
