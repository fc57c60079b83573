package cli

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/output"
)

// Set by the linker in releases (-X): these three and nothing else.
var version, commit, date string

type versionOptions struct{ format string }

func newVersionCmd(a *app) *cobra.Command {
	var o versionOptions
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  awf-cred version
  awf-cred version --format json`,
		Args: noArguments,
		RunE: a.action(func(context.Context, []string) error { return runVersion(a, o) }),
	}
	textOrJSON(cmd, &o.format)
	return cmd
}

func runVersion(a *app, o versionOptions) error {
	v := versionOf()
	if err := checkTextOrJSON(o.format); err != nil {
		return err
	}
	if o.format == "json" {
		b, err := output.JSON(v)
		if err != nil {
			return err
		}
		return a.out.send("the version", b)
	}
	return a.out.send("the version", []byte("awf-cred "+v.Version+" (commit "+v.Commit+", "+v.Date+", "+v.Go+", "+v.OS+"/"+v.Arch+")\n"))
}

// versionOf is what the linker set, else what Go knows of the build.
func versionOf() output.Version {
	v := output.Version{Version: version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if v.Version != "" && v.Commit != "" && v.Date != "" {
		return v
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	v.Version = firstOf(v.Version, trimDevel(info.Main.Version), "dev")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = firstOf(v.Commit, s.Value)
		case "vcs.time":
			v.Date = firstOf(v.Date, s.Value)
		}
	}
	v.Commit, v.Date = firstOf(v.Commit, "unknown"), firstOf(v.Date, "unknown")
	return v
}

func trimDevel(v string) string {
	if v == "(devel)" {
		return ""
	}
	return v
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// userAgent names us to the endpoints: name and version, as RFC 9110 section
// 10.1.5 wants it.
func userAgent() string { return "awf-cred/" + versionOf().Version }
