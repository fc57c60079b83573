//go:build !linux

package relay

func dropProgramPages() {}
