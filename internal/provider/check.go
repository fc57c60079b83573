package provider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// list splits the value of a setting that is a list.
func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// scopes splits a list of OAuth scopes: none has a comma or a blank, and both are in
// use between them.
func scopes(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

func checkScopes(value string) error {
	for _, scope := range scopes(value) {
		if err := exchange.CheckGCPScope(scope); err != nil {
			return err
		}
	}
	return nil
}

// eachOf checks every item of a list.
func eachOf(check func(string) error) func(string) error {
	return func(value string) error {
		for _, item := range list(value) {
			if err := check(item); err != nil {
				return err
			}
		}
		return nil
	}
}

// Seconds reads a setting that is a whole number of seconds, or a duration; 0 for an empty value.
func Seconds(value string) time.Duration {
	if n, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	d, _ := time.ParseDuration(value)
	return d
}

// checkSeconds checks such a value against its bounds.
func checkSeconds(least, most int64) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			d, err := time.ParseDuration(value)
			if err != nil || d%time.Second != 0 {
				return errors.New("is neither a number of seconds nor a duration of whole seconds")
			}
			n = int64(d / time.Second)
		}
		if n < least || n > most {
			return fmt.Errorf("is not between %d and %d seconds", least, most)
		}
		return nil
	}
}

// checkLocation checks a location of Vertex AI. It becomes part of a host name.
func checkLocation(value string) error {
	if value == "" || len(value) > 40 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(value, "-") != value {
		return errors.New("is not a location")
	}
	return nil
}
