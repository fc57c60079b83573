package exchange

import (
	"errors"
	"fmt"
	"strings"
)

// Lengths of an ARN (STS API reference, AssumeRoleWithWebIdentity).
const minARN, maxARN = 20, 2048

// CheckAWSRoleARN says why value is not the ARN of a role:
// arn:PARTITION:iam::ACCOUNT:role/NAME.
func CheckAWSRoleARN(value string) error {
	return checkIAM(value, "role", "is not a role such as arn:aws:iam::123456789012:role/NAME")
}

// checkPolicyARN is for managed policies, of an account or of AWS itself.
func checkPolicyARN(value string) error {
	return checkIAM(value, "policy", "is not a policy such as arn:aws:iam::123456789012:policy/NAME")
}

func checkIAM(value, kind, problem string) error {
	parts := strings.SplitN(value, ":", 6)
	if len(parts) != 6 || len(value) < minARN || len(value) > maxARN || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return errors.New(problem)
	}
	account := len(parts[4]) == 12 && all(parts[4], isDigit) || kind == "policy" && parts[4] == "aws"
	name, isKind := strings.CutPrefix(parts[5], kind+"/")
	if !account || !isKind || name == "" || strings.HasSuffix(name, "/") || !all(name, isPathByte) {
		return errors.New(problem)
	}
	for _, p := range awsPartitions {
		if p.Name == parts[1] {
			return nil
		}
	}
	return errors.New(problem + ": its partition is not known")
}

// isPathByte is what a name with its path may consist of (IAM API reference).
func isPathByte(c byte) bool { return isAlnum(c) || strings.IndexByte("_+=,.@-/", c) >= 0 }

// CheckAWSAnyRoleARN is the rule for a role at an endpoint that is not AWS's: other
// services that speak STS have partitions of their own and no accounts. It begins
// with `arn:` and has six parts.
func CheckAWSAnyRoleARN(value string) error {
	if !strings.HasPrefix(value, "arn:") || strings.Count(value, ":") < 5 || len(value) > maxARN ||
		!all(value, func(c byte) bool { return c > ' ' && c < 0x7f }) {
		return errors.New("does not begin with arn: or does not have six parts")
	}
	return nil
}

// CheckAWSSessionName says why value is not a role session name: 2 to 64 of
// letters, digits and `_+=,.@-` (STS API reference).
func CheckAWSSessionName(value string) error {
	if len(value) < 2 || len(value) > 64 || !all(value, func(c byte) bool { return c != '/' && isPathByte(c) }) {
		return errors.New("is not 2 to 64 letters, digits and _+=,.@-")
	}
	return nil
}

// CheckAWSPartition finds a role that the region's endpoint cannot know.
func CheckAWSPartition(role, region string) error {
	parts := strings.SplitN(role, ":", 3)
	if want := AWSPartitionOf(region).Name; len(parts) == 3 && parts[1] != want {
		return fmt.Errorf("role_arn is of the partition %s, region %s of %s", parts[1], region, want)
	}
	return nil
}
