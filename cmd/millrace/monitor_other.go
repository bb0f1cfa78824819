//go:build !linux

package main

// quietMonitor is for Linux.
func quietMonitor() {}
