package exchange

import (
	"errors"
	"strings"
)

const gcpAccountPath = "projects/-/serviceAccounts/"

// gcpResource is the bare resource name of a provider, whatever form it came in
// (Google Cloud docs, "Workload identity federation").
func gcpResource(name string) string {
	name = strings.TrimPrefix(name, "https:")
	if rest, ok := strings.CutPrefix(name, "//iam."); ok {
		_, name, _ = strings.Cut(rest, "/")
	}
	return name
}

// CheckGCPProvider says why value is not the name of a provider of a workload or
// workforce pool.
func CheckGCPProvider(value string) error {
	parts := strings.Split(gcpResource(value), "/")
	if len(parts) == 8 && parts[0] == "projects" {
		if parts[1] == "" || !all(parts[1], isDigit) {
			return errors.New("names a project by its id; the project's number is wanted")
		}
		if parts[4] == "workloadIdentityPools" && locationAndIDs(parts[2:]) {
			return nil
		}
	}
	if len(parts) == 6 && parts[2] == "workforcePools" && locationAndIDs(parts) {
		return nil
	}
	return errors.New("is not of the form projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER")
}

// locationAndIDs checks locations/global/KIND/ID/providers/ID.
func locationAndIDs(parts []string) bool {
	id := func(s string) bool {
		return s != "" && len(s) <= 64 && all(s, func(c byte) bool { return isIDByte(c) || c == '.' })
	}
	return parts[0] == "locations" && parts[1] == "global" && id(parts[3]) && parts[4] == "providers" && id(parts[5])
}

func isWorkforce(resource string) bool { return strings.HasPrefix(resource, "locations/") }

// CheckGCPServiceAccount says why value is not the address of a service account.
// It becomes part of a path.
func CheckGCPServiceAccount(value string) error {
	name, host, ok := strings.Cut(value, "@")
	dotted := func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' }
	if !ok || name == "" || len(value) > 254 || !all(name, dotted) || !isDomain(host) {
		return errors.New("is not an address such as name@project.iam.gserviceaccount.com")
	}
	return nil
}

// CheckGCPDelegate says why value is not an account of a chain of delegation: its
// address, alone or as the IAM credentials service names it, behind
// projects/-/serviceAccounts/.
func CheckGCPDelegate(value string) error {
	return CheckGCPServiceAccount(strings.TrimPrefix(value, gcpAccountPath))
}

// CheckGCPScope says why value is not one OAuth scope (RFC 6749 section 3.3).
func CheckGCPScope(value string) error { return checkAudience(value) }

// CheckGCPUniverse says why value is not a domain. It becomes part of host names.
func CheckGCPUniverse(value string) error {
	if !isDomain(value) {
		return errors.New("is not a domain such as " + gcpUniverse)
	}
	return nil
}

// CheckGCPProject says why value is neither the id nor the number of a project:
// letters, digits, hyphens, and the domain of an older one (example.com:id).
func CheckGCPProject(value string) error {
	if value == "" || len(value) > 128 || !all(value, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("-.:", c) >= 0 }) {
		return errors.New("is not the id or number of a project")
	}
	return nil
}
